// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// What a backup promises: what was acknowledged before it is there again, and
// nothing of what came after can be mistaken for something else.

#include "tests/process/support/backup_fixture.hpp"
#include "tests/process/support/real_cluster.hpp"

#include <caf/test/unit_test.hpp>

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <thread>

using namespace coppice;
using namespace coppice::test;

namespace {

namespace fs = std::filesystem;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

proto::TaskSpec sleeper(const fs::path& journal, int64_t ms) {
  proto::TaskSpec x;
  x.set_kind("sleep");
  x.mutable_sleep()->mutable_duration()->set_seconds(ms / 1'000);
  x.mutable_sleep()->mutable_duration()->set_nanos(
    static_cast<int32_t>(ms % 1'000) * 1'000'000);
  x.mutable_sleep()->set_journal(journal);
  x.mutable_retry()->set_attempts(2);
  return x;
}

/// A command that says which attempt it is, and ends when *gate* is there.
proto::TaskSpec waiter(const fs::path& journal, const fs::path& gate) {
  auto x
    = command("echo $COPPICE_ATTEMPT >>" + journal.string() + "; while [ ! -e "
              + gate.string() + " ]; do sleep 0.05; done");
  x.mutable_retry()->set_attempts(1);
  return x;
}

std::vector<std::string> lines(const fs::path& file) {
  std::istringstream in{read_file(file)};
  std::vector<std::string> result;
  for (std::string line; std::getline(in, line);)
    result.push_back(line);
  return result;
}

/// Returns how often each task came to its end, by id.
std::map<std::string, int> ends(const fs::path& journal) {
  std::map<std::string, int> result;
  for (auto& line : lines(journal)) {
    std::istringstream in{line};
    std::string what;
    std::string id;
    if (in >> what >> id && what == "end")
      ++result[id];
  }
  return result;
}

/// Submits until it is told to stop.
class submitter {
public:
  submitter(const real_node& node, proto::TaskSpec spec)
    : thread_([this, &node, spec = std::move(spec)] {
        auto c = connect(node);
        while (!done_) {
          for (auto& id : submit(*c, {spec, spec, spec}))
            if (!ids_.insert(id).second)
              twice_ = true;
          ++rounds;
        }
      }) {}

  ~submitter() {
    done_ = true;
    if (thread_.joinable())
      thread_.join();
  }

  std::set<std::string> end() {
    done_ = true;
    thread_.join();
    CAF_CHECK(!twice_);
    return ids_;
  }

  std::atomic<int> rounds = 0;

private:
  std::atomic<bool> done_ = false;
  std::atomic<bool> twice_ = false;
  std::set<std::string> ids_;
  std::thread thread_;
};

/// The worker outlives the manager, and goes on with what it has.
struct manager_and_worker {
  explicit manager_and_worker(const fs::path& folder)
    : manager(folder, "m",
              {{"node.roles", "manager"},
               {"lease.duration", "60s"},
               {"keepalive.interval", "100ms"}}),
      worker(folder, "w",
             {{"node.roles", "worker"},
              {"worker.slots", "4"},
              {"worker.managers", manager.address()}}) {
    manager.start();
    worker.start();
  }

  real_node manager;
  real_node worker;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(backup_tests, backup_fixture)

CAF_TEST(a manager that was restored has what was acknowledged before) {
  auto journal = folder.path() / "journal";
  auto mark = folder.path() / "mark";
  auto gate = folder.path() / "gate";
  manager_and_worker nodes{folder.path()};
  auto& [manager, worker] = nodes;
  auto c = connect(manager);
  std::set<std::string> seen;
  std::set<std::string> before;
  // One that runs when the backup is made, one that waits then and runs later.
  auto held = submit(*c, {waiter(mark, gate)}).at(0);
  CAF_REQUIRE(eventually([&] { return lines(mark).size() == 1; }));
  auto gated = waiter(folder.path() / "later", gate);
  gated.add_labels("gpu=yes");
  auto later = submit(*c, {gated}).at(0);
  for (auto i = 0; i < 50; ++i) {
    auto ids = submit(*c, {sleeper(journal, 1), sleeper(journal, 1)});
    before.insert(ids.begin(), ids.end());
  }
  {
    submitter load{manager, sleeper(journal, 1)};
    CAF_REQUIRE(eventually([&] { return load.rounds > 5; }));
    auto said = back_up(manager.address());
    CAF_MESSAGE(said.out << said.err);
    CAF_CHECK_EQUAL(said.code, 0);
    CAF_CHECK(contains(said.out, "2 groups"));
    auto rounds = load.rounds.load();
    CAF_REQUIRE(eventually([&] { return load.rounds > rounds + 20; }));
    seen = load.end();
  }
  CAF_CHECK(!fs::exists(file.string() + ".part"));
  // After the backup: the one that waits gets its first attempt.
  real_node gpu{folder.path(),
                "g",
                {{"node.roles", "worker"},
                 {"worker.labels", "gpu=yes"},
                 {"worker.managers", manager.address()}}};
  gpu.start();
  CAF_REQUIRE(
    eventually([&] { return lines(folder.path() / "later").size() == 1; }));
  seen.insert(before.begin(), before.end());
  c.reset();
  manager.kill_both();
  fs::remove_all(manager.data());
  auto said = restore(config_of(manager));
  CAF_MESSAGE(said.out << said.err);
  CAF_CHECK_EQUAL(said.code, 0);
  CAF_CHECK(contains(said.out, "being tried"));
  // A restore is not repeated by mistake.
  CAF_CHECK_EQUAL(restore(config_of(manager)).code, 2);
  manager.start();
  c = connect(manager);
  for (auto& id : before)
    CAF_CHECK_EQUAL(await_end(*c, id).state(), proto::SUCCEEDED);
  // The workers drop what they have of before: it runs once more, with a
  // number that was never given.
  CAF_REQUIRE(eventually([&] { return lines(mark).size() == 2; }));
  CAF_REQUIRE(
    eventually([&] { return lines(folder.path() / "later").size() == 2; }));
  std::ofstream{gate}.flush();
  for (auto& [id, where] :
       {std::pair{held, mark}, std::pair{later, folder.path() / "later"}}) {
    auto task = await_end(*c, id);
    CAF_CHECK_EQUAL(task.state(), proto::SUCCEEDED);
    CAF_CHECK_EQUAL(task.tries(), 1u);
    auto numbers = lines(where);
    CAF_REQUIRE_EQUAL(numbers.size(), 2u);
    CAF_CHECK_EQUAL(numbers[0], "1");
    CAF_CHECK(std::stoull(numbers[1]) > 1'000'000);
    CAF_CHECK_EQUAL(std::to_string(task.attempt()), numbers[1]);
  }
  auto task = get_task(*c, held);
  CAF_REQUIRE_EQUAL(task.attempts_size(), 2);
  CAF_CHECK_EQUAL(task.attempts(0).reason(), proto::RESTORED);
  // New ids are none of those that were ever given.
  for (auto i = 0; i < 20; ++i)
    for (auto& id : submit(*c, {noop(), noop()})) {
      CAF_CHECK_EQUAL(seen.count(id), 0u);
      CAF_CHECK_EQUAL(await_end(*c, id).state(), proto::SUCCEEDED);
    }
  // What had ended before the backup was not run again.
  auto ended = ends(journal);
  for (auto& id : before)
    CAF_CHECK(ended[id] >= 1);
}

CAF_TEST(a result of before the restore is not believed) {
  auto mark = folder.path() / "mark";
  auto gate = folder.path() / "gate";
  manager_and_worker nodes{folder.path()};
  auto& [manager, worker] = nodes;
  auto c = connect(manager);
  auto id = submit(*c, {waiter(mark, gate)}).at(0);
  CAF_REQUIRE(eventually([&] { return lines(mark).size() == 1; }));
  CAF_CHECK_EQUAL(back_up(manager.address()).code, 0);
  c.reset();
  manager.kill_both();
  // It ends while there is no manager: the worker keeps the result.
  std::ofstream{gate}.flush();
  fs::remove_all(manager.data());
  CAF_CHECK_EQUAL(restore(config_of(manager)).code, 0);
  manager.start();
  c = connect(manager);
  auto task = await_end(*c, id);
  CAF_CHECK_EQUAL(task.state(), proto::SUCCEEDED);
  CAF_CHECK_EQUAL(lines(mark).size(), 2u);
  CAF_REQUIRE_EQUAL(task.attempts_size(), 2);
  CAF_CHECK_EQUAL(task.attempts(0).outcome(), proto::FAILED);
  CAF_CHECK_EQUAL(task.attempts(0).reason(), proto::RESTORED);
  CAF_CHECK_EQUAL(task.attempts(1).outcome(), proto::SUCCEEDED);
  CAF_CHECK_EQUAL(task.tries(), 1u);
}

CAF_TEST(three managers are restored from one of them) {
  real_cluster cluster;
  cluster.start();
  auto c = cluster.connect_to_all();
  std::set<std::string> acknowledged;
  for (auto i = 0; i < 50; ++i)
    for (auto& id : submit(*c, {noop(), noop()}))
      CAF_CHECK(acknowledged.insert(id).second);
  // Any manager finds the leader.
  CAF_CHECK_EQUAL(back_up(cluster.other_than(cluster.leader()).address()).code,
                  0);
  auto after = submit(*c, {noop(), noop(), noop()});
  c.reset();
  for (auto& x : cluster.nodes) {
    x->kill_both();
    fs::remove_all(x->data());
  }
  auto& a = *cluster.nodes[0];
  auto said = restore(cluster.folder.path() / (a.name() + ".conf"));
  CAF_MESSAGE(said.out << said.err);
  CAF_CHECK_EQUAL(said.code, 0);
  CAF_CHECK(contains(said.out, "start the other managers"));
  cluster.start();
  c = cluster.connect_to_all();
  CAF_CHECK(eventually(
    [&] { return votes(*c, "a") && votes(*c, "b") && votes(*c, "c"); }));
  for (auto& id : acknowledged)
    CAF_CHECK_EQUAL(await_end(*c, id).state(), proto::SUCCEEDED);
  // They have it, too: the one that was restored is not needed any more.
  a.kill_both();
  for (auto& id : acknowledged)
    CAF_CHECK_EQUAL(await_end(*c, id).state(), proto::SUCCEEDED);
  for (auto& id : submit(*c, {noop(), noop(), noop()})) {
    CAF_CHECK_EQUAL(acknowledged.count(id), 0u);
    CAF_CHECK_EQUAL(std::count(after.begin(), after.end(), id), 0);
    CAF_CHECK_EQUAL(await_end(*c, id).state(), proto::SUCCEEDED);
  }
}

CAF_TEST(managers that were restored each for itself refuse each other) {
  real_cluster cluster{{}, {"a", "b"}};
  cluster.start();
  auto c = cluster.connect_to_all();
  submit(*c, {noop()});
  CAF_CHECK_EQUAL(back_up(cluster.addresses()).code, 0);
  c.reset();
  for (auto& x : cluster.nodes) {
    x->kill_both();
    fs::remove_all(x->data());
    CAF_CHECK_EQUAL(restore(cluster.folder.path() / (x->name() + ".conf")).code,
                    0);
  }
  cluster.start();
  auto refused = [](const real_node& x) {
    return contains(x.log(), "have the states of different clusters");
  };
  CAF_CHECK(eventually(
    [&] { return refused(*cluster.nodes[0]) && refused(*cluster.nodes[1]); }));
  // Each is alone, and neither has taken the other in.
  for (auto& x : cluster.nodes) {
    auto alone = connect(*x);
    proto::Request request;
    request.mutable_managers();
    auto reply = ask(*alone, request);
    for (auto& y : reply.managers().managers())
      CAF_CHECK(y.name() == x->name() || y.role() == proto::Manager::NONE);
  }
}

CAF_TEST(a backup goes on when the lead changes) {
  real_cluster cluster;
  cluster.start();
  auto c = cluster.connect_to_all();
  auto big = noop();
  big.set_data(std::string(200'000, 'x'));
  for (auto i = 0; i < 100; ++i)
    submit(*c, {big});
  for (size_t i = 0; i < 6; ++i) {
    // In the midst of the backup, or nearly so: one copy is lost at most.
    auto& next = *cluster.nodes[i % 3];
    command_result moved;
    std::thread trouble{[&] {
      moved = run_coppice(
        {"manager", "--connect", cluster.addresses(), "transfer", next.name()});
    }};
    auto said = back_up(cluster.addresses(), {"--force"});
    trouble.join();
    CAF_MESSAGE(said.out << said.err);
    CAF_CHECK_EQUAL(said.code, 0);
    CAF_CHECK(contains(said.out, "100 tasks"));
    CAF_CHECK(!fs::exists(file.string() + ".part"));
  }
  auto said = restore(cluster.folder.path() / "a.conf",
                      {"--data.dir=" + (folder.path() / "new").string()});
  CAF_CHECK_EQUAL(said.code, 0);
  CAF_CHECK(contains(said.out, "100 tasks restored"));
}

CAF_TEST_FIXTURE_SCOPE_END()

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// Nodes are cut back and grow again, and clients do not notice.

#include "tests/process/support/real_cluster.hpp"
#include "tests/support/http_socket.hpp"

#include <caf/test/unit_test.hpp>

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Counts for some seconds; saves where it is when it is asked to.
constexpr auto counting
  = "n=0\n"
    "[ -n \"$COPPICE_CHECKPOINT\" ] && n=$(cat \"$COPPICE_CHECKPOINT\")\n"
    "while [ $n -lt 100 ]; do\n"
    "  n=$((n + 1)); sleep 0.1\n"
    "  if [ -e \"$COPPICE_ATTEMPT_FOLDER/checkpoint-wanted\" ]; then\n"
    "    echo $n > \"$COPPICE_ATTEMPT_FOLDER/new\"\n"
    "    mv \"$COPPICE_ATTEMPT_FOLDER/new\" \"$COPPICE_ATTEMPT_FOLDER/state\"\n"
    "    echo checkpoint state >&$COPPICE_PROGRESS_FD\n"
    "  fi\n"
    "done\n"
    "echo result $n >&$COPPICE_PROGRESS_FD\n";

/// Adds to the counter of a service, one id after the other, until it is told
/// to stop; asks again with the same id what was not answered.
class adding_client {
public:
  explicit adding_client(uint16_t port)
    : thread_([this, port] { run(port); }) {}

  ~adding_client() {
    stop();
  }

  /// Returns how many ids were answered.
  uint64_t stop() {
    stopping_ = true;
    if (thread_.joinable())
      thread_.join();
    return done_;
  }

  uint64_t done() const {
    return done_;
  }

  /// Answers that were none, or errors; what a client would notice.
  uint64_t failures() const {
    return failures_;
  }

private:
  void run(uint16_t port) {
    while (!stopping_) {
      auto id = "Idempotency-Key: id-" + std::to_string(done_) + "\r\n";
      while (!add(port, id))
        std::this_thread::sleep_for(10ms);
      ++done_;
    }
  }

  bool add(uint16_t port, const std::string& id) {
    try {
      auto x = http_socket{port}.ask("POST", "/s/counter/add", {},
                                     "Content-Length: 0\r\n" + id);
      if (x.status == 200)
        return true;
      CAF_MESSAGE("answered with " << x.status << ": " << x.body);
    } catch (const std::exception& why) {
      CAF_MESSAGE("not answered: " << why.what());
    }
    ++failures_;
    return false;
  }

  std::atomic<bool> stopping_ = false;
  std::atomic<uint64_t> done_ = 0;
  std::atomic<uint64_t> failures_ = 0;
  std::thread thread_;
};

struct fixture {
  real_node& add(const std::string& name,
                 std::map<std::string, std::string> settings) {
    settings.emplace("keeper.backoff_min", "10ms");
    if (!nodes.empty())
      settings.emplace("worker.managers", nodes[0]->address());
    nodes.push_back(
      std::make_unique<real_node>(folder.path(), name, std::move(settings)));
    nodes.back()->start();
    c = connect(*nodes[0]);
    CAF_REQUIRE(eventually([&] { return look(name).state() == "healthy"; }));
    return *nodes.back();
  }

  command_result coppice(std::vector<std::string> args) const {
    args.insert(args.end(), {"--connect", nodes[0]->address()});
    return run_coppice(args);
  }

  std::string begin(const std::string& script) {
    auto id = submit(*c, {command(script)}).at(0);
    CAF_REQUIRE(
      eventually([&] { return get_task(*c, id).state() == proto::RUNNING; }));
    return id;
  }

  /// Returns what is known of a node, without a name if nothing is.
  proto::Node look(const std::string& name) const {
    return find_node(*c, name);
  }

  void apply(const std::string& section) {
    auto file = folder.path() / "service.conf";
    std::ofstream{file} << section;
    CAF_REQUIRE(eventually([&] {
      return coppice({"service", "apply", file.string()}).code == 0;
    }));
  }

  void await_counter() const {
    CAF_REQUIRE(eventually([this] {
      return http_socket{port}.ask("GET", "/s/counter/").status == 200;
    }));
  }

  uint64_t count() const {
    auto x = http_socket{port}.ask("GET", "/s/counter/");
    CAF_REQUIRE_EQUAL(x.status, 200);
    return std::stoull(x.body);
  }

  std::vector<proto::RegenerationRow> history() const {
    proto::Request x;
    x.mutable_regenerations();
    auto reply = ask(*c, x).regenerations();
    return {reply.regenerations().begin(), reply.regenerations().end()};
  }

  /// Waits until the last regeneration has ended, and returns it.
  proto::RegenerationRow await_last() const {
    proto::RegenerationRow out;
    CAF_REQUIRE(eventually([&] {
      auto all = history();
      if (!all.empty())
        out = all.front();
      return !all.empty() && out.outcome() != proto::UNDER_WAY;
    }));
    return out;
  }

  temp_folder folder;
  uint16_t port = free_port();
  std::string http = "127.0.0.1:" + std::to_string(port);
  std::vector<std::unique_ptr<real_node>> nodes;
  std::unique_ptr<client> c;
};

std::set<proto::RegenerationPhase> phases_of(const proto::RegenerationRow& x) {
  std::set<proto::RegenerationPhase> out;
  for (auto& step : x.steps())
    out.insert(step.phase());
  return out;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(regeneration_tests, fixture)

CAF_TEST(a node alone grows again in its place with its task and service) {
  auto& n = add("n1", {{"node.roles", "manager,worker"}});
  add("g1", {{"node.roles", "gateway"}, {"http.listen", http}});
  apply("[service.counter]\nform = native\n");
  await_counter();
  auto id = begin(counting);
  adding_client client{port};
  auto before = n.node_pid();
  auto said = coppice({"regenerate", "n1", "--reason", "a test", "--wait"});
  CAF_MESSAGE(said.out << said.err);
  CAF_CHECK_EQUAL(said.code, 0);
  CAF_CHECK(contains(said.out, "regenerated after"));
  CAF_CHECK(n.node_pid() != before);
  auto rows = history();
  CAF_REQUIRE_EQUAL(rows.size(), 1u);
  CAF_CHECK_EQUAL(phases_of(rows[0]).size(), 7u);
  CAF_CHECK(rows[0].successor() > rows[0].incarnation());
  auto task = await_end(*c, id);
  CAF_CHECK_EQUAL(task.state(), proto::SUCCEEDED);
  CAF_CHECK_EQUAL(task.attempts_size(), 2);
  CAF_CHECK_EQUAL(task.attempts(0).reason(), proto::NODE_DRAINED);
  CAF_CHECK(task.attempts(1).resumed_bytes() > 0);
  auto now = client.done();
  CAF_CHECK(eventually([&] { return client.done() > now; }));
  auto done = client.stop();
  CAF_CHECK_EQUAL(client.failures(), 0u);
  CAF_CHECK_EQUAL(count(), done);
}

CAF_TEST(work moves to another node and the node gets work again) {
  add("m1", {{"node.roles", "manager"}});
  add("w1", {{"node.roles", "worker"}});
  auto id = begin(counting);
  add("w2", {{"node.roles", "worker"}});
  // Before that there is nobody to move to, and it goes on where it was.
  CAF_REQUIRE(eventually([&] { return takes_tasks(look("w2")); }));
  CAF_CHECK_EQUAL(coppice({"regenerate", "w1", "--wait"}).code, 0);
  auto task = await_end(*c, id);
  CAF_CHECK_EQUAL(task.state(), proto::SUCCEEDED);
  CAF_REQUIRE_EQUAL(task.attempts_size(), 2);
  CAF_MESSAGE(coppice({"task", id}).out);
  CAF_CHECK_EQUAL(task.attempts(1).node(), "w2");
  CAF_CHECK_EQUAL(coppice({"drain", "w2"}).code, 0);
  auto next = submit(*c, {command("true")}).at(0);
  auto second = await_end(*c, next);
  CAF_CHECK_EQUAL(second.attempts(0).node(), "w1");
}

CAF_TEST(a service is cut back alone) {
  auto& n = add("n1", {{"node.roles", "manager,worker"}});
  add("g1", {{"node.roles", "gateway"}, {"http.listen", http}});
  apply("[service.counter]\nform = native\n");
  await_counter();
  adding_client client{port};
  auto before = n.node_pid();
  auto said = coppice({"regenerate", "counter", "--wait"});
  CAF_MESSAGE(said.out << said.err);
  CAF_CHECK_EQUAL(said.code, 0);
  CAF_CHECK_EQUAL(coppice({"regenerate", "counter/0", "--wait"}).code, 0);
  CAF_CHECK(n.node_pid() == before);
  auto done = client.stop();
  CAF_CHECK_EQUAL(client.failures(), 0u);
  CAF_CHECK_EQUAL(count(), done);
  for (auto& x : history()) {
    CAF_CHECK_EQUAL(x.service(), "counter");
    CAF_CHECK(x.successor() > x.epoch());
  }
}

CAF_TEST(a gateway grows again and its clients wait a moment) {
  add("n1", {{"node.roles", "manager,worker"}});
  auto& g = add("g1", {{"node.roles", "gateway"}, {"http.listen", http}});
  apply("[service.counter]\nform = native\n");
  await_counter();
  adding_client client{port};
  auto before = g.node_pid();
  for (auto i = 0; i < 3; ++i) {
    // One that begins to stop holds nothing, and just now it has begun.
    auto now = client.done();
    CAF_REQUIRE(eventually([&] { return client.done() > now + 10; }));
    auto said = coppice({"regenerate", "g1", "--wait"});
    CAF_MESSAGE(said.out << said.err);
    CAF_CHECK_EQUAL(said.code, 0);
  }
  CAF_CHECK(g.node_pid() != before);
  auto now = client.done();
  CAF_CHECK(eventually([&] { return client.done() > now; }));
  auto done = client.stop();
  CAF_CHECK_EQUAL(client.failures(), 0u);
  CAF_CHECK_EQUAL(count(), done);
}

CAF_TEST(a crash at any time of it is only a crash) {
  auto& n = add("n1", {{"node.roles", "manager,worker"}});
  add("g1", {{"node.roles", "gateway"}, {"http.listen", http}});
  apply("[service.counter]\nform = native\n");
  await_counter();
  adding_client client{port};
  for (auto pause : {0ms, 50ms, 100ms, 200ms, 300ms, 450ms, 600ms, 900ms}) {
    auto all = history().size();
    CAF_CHECK_EQUAL(coppice({"regenerate", "n1"}).code, 0);
    std::this_thread::sleep_for(pause);
    n.signal_node(SIGKILL);
    CAF_REQUIRE(eventually([&] { return history().size() == all + 1; }));
    auto x = await_last();
    CAF_MESSAGE("killed after " << pause.count() << " ms: " << x.why());
    CAF_CHECK_EQUAL(x.outcome(), proto::REGENERATED);
  }
  auto done = client.stop();
  CAF_CHECK_EQUAL(count(), done);
}

CAF_TEST(nonsense is refused with a sentence) {
  add("n1", {{"node.roles", "manager,worker"}});
  auto said = coppice({"regenerate", "nobody"});
  CAF_CHECK_EQUAL(said.code, 4);
  CAF_CHECK(contains(said.err, "there is no node and no service 'nobody'"));
  CAF_CHECK_EQUAL(coppice({"regenerate"}).code, 2);
  CAF_CHECK_EQUAL(
    coppice({"regenerate", "n1", "--reason", std::string(2'000, 'x')}).code, 2);
  CAF_CHECK_EQUAL(coppice({"regenerations"}).out, "");
}

CAF_TEST(managers hand over and never fall below a quorum) {
  real_cluster cluster{{{"keeper.backoff_min", "10ms"}}};
  cluster.start();
  c = cluster.connect_to_all();
  for (auto* name : {"a", "b", "c"})
    CAF_REQUIRE(eventually([&] { return votes(*c, name); }));
  auto& leader = cluster.leader("cluster");
  auto other = cluster.other_than(leader).address();
  auto said
    = run_coppice({"regenerate", leader.name(), "--wait", "--connect", other});
  CAF_MESSAGE(said.out << said.err);
  CAF_CHECK_EQUAL(said.code, 0);
  CAF_CHECK(cluster.leader("cluster").name() != leader.name());
  auto& third = cluster.other_than(leader);
  third.kill_both();
  auto& well
    = cluster.nodes[0].get() == &third ? *cluster.nodes[1] : *cluster.nodes[0];
  CAF_CHECK(eventually([&] {
    auto x
      = run_coppice({"regenerate", leader.name(), "--connect", well.address()});
    return x.code != 0 && contains(x.err, "quorum");
  }));
}

CAF_TEST_FIXTURE_SCOPE_END()

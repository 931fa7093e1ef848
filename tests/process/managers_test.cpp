// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// Managers come, go, lose their data and fall behind, and the cluster has what
// was acknowledged.

#include "tests/process/support/real_cluster.hpp"

#include <caf/test/unit_test.hpp>

#include <algorithm>
#include <functional>
#include <set>
#include <sstream>

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

struct fixture : real_cluster {
  /// A short log: who misses a little needs the tables.
  fixture()
    : real_cluster(
      std::map<std::string, std::string>{{"raft.trailing_entries", "16"}}) {}

  void begin() {
    start();
    c = connect_to_all();
    submit_some(20);
  }

  /// One entry of the log each, at least.
  void submit_some(int n) {
    for (auto i = 0; i < n; ++i)
      for (auto& id : submit(*c, {noop(), noop()}))
        CAF_CHECK(acknowledged.insert(id).second);
  }

  void check_all() {
    for (auto& id : acknowledged)
      CAF_CHECK_EQUAL(await_end(*c, id).state(), proto::SUCCEEDED);
  }

  /// Returns what the leader of a group says of the manager *name*.
  proto::Manager look(const std::string& name,
                      const std::string& group = "cluster") {
    for (auto& x : managers_of(*c, group))
      if (x.name() == name)
        return x;
    return {};
  }

  bool votes(const std::string& name) {
    return coppice::test::votes(*c, name);
  }

  /// Returns whether the manager *name* is a member of no group any more.
  bool has_left(const std::string& name) {
    return look(name).role() == proto::Manager::NONE
           && look(name, "shard-0").role() == proto::Manager::NONE;
  }

  bool has_members(int n) {
    auto count = [&](const std::string& group) {
      auto xs = managers_of(*c, group);
      return std::count_if(xs.begin(), xs.end(), [](auto& x) {
        return x.role() != proto::Manager::NONE;
      });
    };
    return count("cluster") == n && count("shard-0") == n;
  }

  command_result change(std::vector<std::string> words) {
    words.insert(words.begin(), {"manager", "--connect", addresses()});
    return run_coppice(words);
  }

  std::unique_ptr<client> c;
  std::set<std::string> acknowledged;
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(managers_tests, fixture)

CAF_TEST(a manager that lost its data is taken in again and counts) {
  begin();
  auto& lost = other_than(leader());
  CAF_REQUIRE(eventually([&] { return votes(lost.name()); }));
  auto former = look(lost.name()).member();
  lost.kill_both();
  std::filesystem::remove_all(lost.data());
  submit_some(100);
  lost.start();
  CAF_CHECK(eventually([&] {
    return look(lost.name()).member() != former && votes(lost.name());
  }));
  CAF_CHECK(eventually([&] { return has_members(3); }));
  submit_some(10);
  // Now it has to have everything, and a vote.
  auto& dead = leader();
  dead.kill_both();
  submit_some(10);
  check_all();
}

CAF_TEST(a manager that was away for long gets the tables of the leader) {
  begin();
  auto& away = other_than(leader());
  away.kill_both();
  submit_some(300);
  away.start();
  CAF_CHECK(eventually([&] {
    return contains(away.log(), "starts again on them") && votes(away.name());
  }));
  submit_some(10);
  // Without a restart of its process, that is.
  CAF_CHECK(!contains(away.log(), "node ended"));
  leader().kill_both();
  submit_some(10);
  check_all();
}

CAF_TEST(managers are added and removed while work goes on) {
  begin();
  auto& d = add("d");
  d.start();
  CAF_CHECK_EQUAL(change({"add", "d=" + d.address()}).code, 0);
  CAF_CHECK(eventually([&] { return votes("d"); }));
  submit_some(10);
  // An election meanwhile may undo it.
  CAF_CHECK(eventually([&] {
    return change({"transfer", "d"}).code == 0
           && eventually(
             [&] { return look("d").role() == proto::Manager::LEADER; }, 5s);
  }));
  CAF_CHECK_EQUAL(change({"remove", "a"}).code, 0);
  CAF_CHECK(eventually([&] { return has_left("a"); }));
  nodes[0]->kill_both();
  submit_some(10);
  // Of b, c and d any two are enough.
  nodes[1]->kill_both();
  submit_some(10);
  nodes[1]->start();
  // The leader can be removed, too: it hands the lead over first.
  CAF_CHECK(eventually([&] { return votes("b"); }));
  CAF_CHECK_EQUAL(change({"remove", "d"}).code, 0);
  CAF_CHECK(eventually([&] { return has_left("d"); }));
  submit_some(10);
  check_all();
}

CAF_TEST(any manager says what it knows when nobody leads) {
  begin();
  auto id = *acknowledged.begin();
  CAF_CHECK_EQUAL(await_end(*c, id).state(), proto::SUCCEEDED);
  auto& last = other_than(leader());
  auto ask = [&](std::vector<std::string> words) {
    words.insert(words.end(), {"--connect", last.address(), "--patience=5s"});
    return run_coppice(words);
  };
  auto knows = [&] {
    auto said = ask({"task", id, "--stale"});
    return said.code == 0 && contains(said.out, "state      succeeded")
           && contains(said.err, " ago, when this manager last heard");
  };
  CAF_CHECK(eventually(knows));
  for (auto& x : nodes)
    if (x.get() != &last)
      x->kill_both();
  CAF_CHECK_EQUAL(ask({"task", id}).code, 4);
  CAF_CHECK(knows());
  auto said = ask({"tasks", "--stale", "--all"});
  CAF_CHECK_EQUAL(said.code, 0);
  for (auto& x : acknowledged)
    CAF_CHECK(contains(said.out, x + " "));
  said = ask({"tasks", "--stale", "--product", "nothing"});
  CAF_CHECK_EQUAL(said.code, 0);
  last.kill_both();
  last.start();
  CAF_CHECK(eventually([&] {
    return contains(ask({"task", id, "--stale"}).err,
                    "has heard of no leader since it started");
  }));
}

CAF_TEST(a change that makes no sense is refused) {
  begin();
  auto said = change({"remove", "nobody"});
  CAF_CHECK_EQUAL(said.code, 4);
  CAF_CHECK(contains(said.err, "the managers are a, b, c"));
  said = change({"transfer", "nobody"});
  CAF_CHECK_EQUAL(said.code, 4);
  CAF_CHECK(contains(said.err, "'nobody'"));
  said = change({"add", "x=nowhere"});
  CAF_CHECK_EQUAL(said.code, 4);
  CAF_CHECK_EQUAL(change({"add", "x"}).code, 2);
  CAF_CHECK_EQUAL(change({"befriend", "x"}).code, 2);
}

CAF_TEST(a worker that was told of one manager finds the others) {
  begin();
  // One that does not lead: it can only say who the others are.
  auto& told = other_than(leader("cluster"));
  real_node worker{folder.path(),
                   "w",
                   {{"node.roles", "worker"},
                    {"worker.managers", told.address()},
                    {"worker.labels", "only=here"}}};
  worker.start();
  auto task = noop();
  task.add_labels("only=here");
  auto run_one = [&] {
    auto id = submit(*c, {task}).at(0);
    acknowledged.insert(id);
    return await_end(*c, id).state();
  };
  CAF_CHECK_EQUAL(run_one(), proto::SUCCEEDED);
  told.kill_both();
  CAF_CHECK_EQUAL(run_one(), proto::SUCCEEDED);
  // It knows them from its disk.
  worker.kill_both();
  worker.start();
  CAF_CHECK_EQUAL(run_one(), proto::SUCCEEDED);
}

CAF_TEST_FIXTURE_SCOPE_END()

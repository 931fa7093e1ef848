// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// Two attempts of an exclusive task never run at the same time, whatever
// happens to the node of the first one. The judge is what the attempts wrote
// down themselves, with the time of the one machine that all nodes are on.

#include "tests/process/support/network.hpp"
#include "tests/process/support/real_node.hpp"

#include <caf/test/unit_test.hpp>

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

using settings = std::map<std::string, std::string>;

/// Before the test engine has threads: a namespace is for a process with one.
const auto why_no_network = allow_networks();

/// When an attempt was there for the first and the last time.
struct presence {
  int64_t first = 0;
  int64_t last = 0;
};

struct fixture {
  fixture() {
    if (why_no_network.empty())
      net = std::make_unique<network>();
    manager = make("m1", {{"node.roles", "manager"}});
    for (auto name : {"w1", "w2"})
      workers.push_back(make(name, {{"node.roles", "worker"},
                                    {"worker.managers", manager->address()},
                                    {"worker.slots", "1"}}));
    manager->start();
    c = connect(*manager);
    workers[0]->start();
    CAF_REQUIRE(eventually([&] { return takes_tasks(look("w1")); }));
    submit_task();
    workers[1]->start();
    CAF_REQUIRE(eventually([&] { return takes_tasks(look("w2")); }));
  }

  std::unique_ptr<real_node> make(const std::string& name, settings xs) {
    xs["lease.duration"] = "2s";
    xs["keepalive.interval"] = "200ms";
    xs["keepalive.limit"] = "1s";
    xs["keeper.backoff_min"] = "10ms";
    return std::make_unique<real_node>(folder.path(), name, xs,
                                       BEATING_NODE_BINARY,
                                       net ? net->add() : node_place{});
  }

  /// Submits a task and waits until it runs on w1.
  void submit_task() {
    proto::TaskSpec x;
    x.set_kind("beat");
    x.set_text(file().string());
    id = submit(*c, {x}).at(0);
    CAF_REQUIRE(eventually([&] { return seen().count(1) != 0; }));
  }

  proto::Node look(const std::string& name) {
    return find_node(*c, name);
  }

  std::filesystem::path file() const {
    return folder.path() / "beats";
  }

  /// Returns what the attempts wrote down.
  std::map<uint32_t, presence> seen() const {
    std::map<uint32_t, presence> result;
    std::ifstream in{file()};
    std::string task;
    uint32_t attempt = 0;
    int64_t time = 0;
    while (in >> task >> attempt >> time) {
      auto& x = result.try_emplace(attempt, presence{time, time}).first->second;
      x.first = std::min(x.first, time);
      x.last = std::max(x.last, time);
    }
    return result;
  }

  /// Checks that the task came to its end, with more than one attempt, each
  /// after the one before.
  void check_order() {
    auto task = await_end(*c, id);
    CAF_CHECK_EQUAL(task.state(), proto::SUCCEEDED);
    auto xs = seen();
    CAF_CHECK(xs.size() > 1);
    int64_t before = 0;
    for (auto& [attempt, x] : xs) {
      CAF_MESSAGE("attempt " << attempt << " began "
                             << (before == 0 ? 0 : x.first - before) / 1'000'000
                             << " ms after the one before");
      CAF_CHECK(x.first > before);
      before = x.last;
    }
  }

  // Before those who are in it.
  std::unique_ptr<network> net;
  temp_folder folder;
  std::unique_ptr<real_node> manager;
  std::vector<std::unique_ptr<real_node>> workers;
  std::unique_ptr<client> c;
  std::string id;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(exclusive_tests, fixture)

CAF_TEST(an exclusive task on a node that is killed runs again later) {
  auto before = look("w1").incarnation();
  CAF_REQUIRE(workers[0]->signal_node(SIGKILL));
  check_order();
  // It came back, and what its former self had was given up.
  CAF_CHECK(eventually([&] {
    auto x = look("w1");
    return x.connected() && x.incarnation() > before;
  }));
  auto task = get_task(*c, id);
  CAF_CHECK(task.attempts(0).reason() == proto::NODE_GONE);
}

CAF_TEST(an exclusive task on a node that freezes does not go on with it) {
  auto pid = workers[0]->signal_node(SIGSTOP);
  CAF_REQUIRE(pid);
  CAF_REQUIRE(eventually([&] { return seen().count(2) != 0; }));
  // While the second one runs.
  ::kill(*pid, SIGCONT);
  CAF_CHECK(eventually([&] { return look("w1").connected(); }));
  check_order();
  auto task = get_task(*c, id);
  CAF_CHECK_EQUAL(task.attempts_size(), 2);
  CAF_CHECK_EQUAL(task.attempts(1).node(), "w2");
}

CAF_TEST(an exclusive task on a node that is cut off ends before its lease) {
  if (!net) {
    CAF_MESSAGE("left out: " << why_no_network);
    return;
  }
  net->cut(workers[0]->host(), manager->host());
  CAF_REQUIRE(eventually([&] { return seen().count(2) != 0; }));
  net->heal();
  check_order();
  auto task = get_task(*c, id);
  CAF_CHECK_EQUAL(task.attempts_size(), 2);
  CAF_CHECK_EQUAL(task.attempts(1).node(), "w2");
}

CAF_TEST_FIXTURE_SCOPE_END()

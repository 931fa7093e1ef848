// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// Who watches the others dies, freezes, or waits for its disk, and blames
// nobody for it.

#include "tests/process/support/real_cluster.hpp"
#include "tests/process/support/slow_disk.hpp"

#include <caf/test/unit_test.hpp>

#include <signal.h>

#include <algorithm>
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

using settings = std::map<std::string, std::string>;

using clock_type = std::chrono::steady_clock;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct fixture {
  /// Makes managers, and so many workers that a few of them are no crowd: the
  /// brake must not be what saves them.
  void make(const std::vector<std::string>& names, const std::string& limit) {
    managers = std::make_unique<real_cluster>(
      settings{{"node.roles", "manager"}, {"keepalive.limit", limit}}, names);
    for (auto name : {"w1", "w2", "w3", "w4", "w5"})
      workers.push_back(std::make_unique<real_node>(
        managers->folder.path(), name,
        settings{{"node.roles", "worker"},
                 {"worker.managers", managers->addresses()},
                 {"worker.slots", "2"}}));
  }

  void start() {
    managers->start();
    for (auto& x : workers)
      x->start();
    c = managers->connect_to_all();
    CAF_REQUIRE(eventually([&] { return all_are_there(); }));
    for (auto& x : nodes())
      began[x.name()] = x.changed_ms();
  }

  std::vector<proto::Node> nodes() {
    proto::Request request;
    request.mutable_nodes();
    auto reply = ask(*c, request);
    auto& xs = reply.nodes().nodes();
    return {xs.begin(), xs.end()};
  }

  static bool is_there(const proto::Node& x) {
    return x.state() == "healthy" && !x.suspected()
           && (!x.worker() || x.connected());
  }

  /// Returns whether all nodes are healthy, and heard of.
  bool all_are_there() {
    auto xs = nodes();
    return xs.size() == managers->nodes.size() + workers.size()
           && std::all_of(xs.begin(), xs.end(), is_there);
  }

  bool workers_are_there() {
    auto xs = nodes();
    auto n = std::count_if(xs.begin(), xs.end(),
                           [](auto& x) { return x.worker() && is_there(x); });
    return n == static_cast<int>(workers.size());
  }

  /// Waits until another manager watches the nodes, and has done so for long
  /// enough to declare somebody down.
  void await_successor(const real_node& former) {
    CAF_REQUIRE(eventually(
      [&] { return managers->leader("cluster").name() != former.name(); }));
    std::this_thread::sleep_for(2500ms);
    CAF_CHECK(eventually([&] { return workers_are_there(); }));
  }

  void await_return(const real_node& x) {
    CAF_REQUIRE(eventually([&] { return votes(*c, x.name()); }));
    CAF_REQUIRE(eventually([&] { return all_are_there(); }));
  }

  /// Checks that no node was ever down but the *faulty* ones: its row would
  /// have changed.
  void check_nobody_was_blamed(const std::set<std::string>& faulty = {}) {
    CAF_CHECK(eventually([&] { return all_are_there(); }));
    for (auto& x : nodes())
      if (faulty.count(x.name()) == 0)
        CAF_CHECK_EQUAL(x.changed_ms(), began[x.name()]);
    for (auto& [name, unused] : began)
      if (faulty.count(name) == 0)
        CAF_CHECK(!was_declared_down(name));
  }

  bool was_declared_down(const std::string& name) const {
    return std::any_of(
      managers->nodes.begin(), managers->nodes.end(), [&](auto& x) {
        return contains(x->log(), "declares node " + name + " down");
      });
  }

  std::unique_ptr<real_cluster> managers;
  std::vector<std::unique_ptr<real_node>> workers;
  std::unique_ptr<client> c;
  std::map<std::string, int64_t> began;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(observer_tests, fixture)

CAF_TEST(nobody is blamed when those that watch are killed) {
  make({"a", "b", "c"}, "1s");
  start();
  std::set<std::string> killed;
  for (auto round = 0; round < 4; ++round) {
    auto& victim = managers->leader("cluster");
    killed.insert(victim.name());
    victim.kill_both();
    await_successor(victim);
    victim.start();
    await_return(victim);
  }
  check_nobody_was_blamed(killed);
}

CAF_TEST(nobody is blamed when those that watch freeze) {
  make({"a", "b", "c"}, "1s");
  start();
  std::set<std::string> frozen;
  for (auto time : {10s, 3s, 3s}) {
    auto& victim = managers->leader("cluster");
    frozen.insert(victim.name());
    auto pid = victim.signal_node(SIGSTOP);
    CAF_REQUIRE(pid);
    auto until = clock_type::now() + time;
    await_successor(victim);
    std::this_thread::sleep_until(until);
    ::kill(*pid, SIGCONT);
    await_return(victim);
  }
  check_nobody_was_blamed(frozen);
}

CAF_TEST(nobody is blamed while the disk of the manager is slow) {
  make({"a"}, "1s");
  slow_disk disk{managers->folder.path()};
  disk.give_to(*managers->nodes[0]);
  start();
  disk.slow_down(3s);
  auto until = clock_type::now() + 8s;
  // Takes what it takes, and shows that the disk is slow.
  auto begun = clock_type::now();
  auto id = submit(*c, {noop()}).at(0);
  CAF_CHECK(clock_type::now() - begun > 3s);
  std::this_thread::sleep_until(until);
  CAF_CHECK(eventually([&] { return all_are_there(); }));
  disk.slow_down(0s);
  CAF_CHECK_EQUAL(await_end(*c, id).state(), proto::SUCCEEDED);
  check_nobody_was_blamed();
}

CAF_TEST(nobody is blamed while the disk of a leader is slow) {
  make({"a", "b", "c"}, "1s");
  std::vector<std::unique_ptr<slow_disk>> disks;
  for (auto& x : managers->nodes) {
    disks.push_back(
      std::make_unique<slow_disk>(managers->folder.path(), x->name()));
    disks.back()->give_to(*x);
  }
  start();
  auto& leader = managers->leader("cluster");
  auto& disk = *disks[leader.name().at(0) - 'a'];
  disk.slow_down(3s);
  auto id = submit(*c, {noop()}).at(0);
  std::this_thread::sleep_for(8s);
  CAF_CHECK(eventually([&] { return workers_are_there(); }));
  disk.slow_down(0s);
  CAF_CHECK_EQUAL(await_end(*c, id).state(), proto::SUCCEEDED);
  await_return(leader);
  // Nor is the one whose disk it is.
  check_nobody_was_blamed();
}

CAF_TEST(nobody is blamed while the disk of a worker is slow) {
  make({"a"}, "1s");
  slow_disk disk{managers->folder.path()};
  disk.give_to(*workers[0]);
  start();
  disk.slow_down(3s);
  // So that all views change.
  workers.back()->kill_both();
  CAF_CHECK(eventually([&] { return !workers_are_there(); }));
  workers.back()->start();
  std::this_thread::sleep_for(8s);
  disk.slow_down(0s);
  check_nobody_was_blamed({workers.back()->name()});
}

CAF_TEST_FIXTURE_SCOPE_END()

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// Nodes die, freeze and come back, and the cluster knows.

#include "tests/process/support/real_node.hpp"

#include <caf/test/unit_test.hpp>

#include <signal.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

using settings = std::map<std::string, std::string>;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

size_t count(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (auto i = text.find(part); i != std::string::npos;
       i = text.find(part, i + 1))
    ++n;
  return n;
}

proto::TaskSpec sleep_task(std::chrono::seconds time) {
  proto::TaskSpec x;
  x.set_kind("sleep");
  x.mutable_sleep()->mutable_duration()->set_seconds(time.count());
  return x;
}

struct fixture {
  /// Starts a manager that does not work itself.
  void start_manager(const settings& more = {}) {
    settings all{{"node.roles", "manager"}, {"keepalive.limit", "1s"}};
    for (auto& [key, value] : more)
      all[key] = value;
    manager.emplace(folder.path(), "m1", all);
    manager->start();
    c = connect(*manager);
  }

  /// Starts a worker whose keeper takes its time.
  real_node& add_worker(const std::string& name, const settings& more = {}) {
    settings all{{"node.roles", "worker"},
                 {"worker.managers", manager->address()},
                 {"worker.slots", "2"},
                 {"keeper.backoff_min", "20s"},
                 {"keeper.backoff_max", "20s"}};
    for (auto& [key, value] : more)
      all[key] = value;
    workers.push_back(std::make_unique<real_node>(folder.path(), name, all));
    workers.back()->start();
    CAF_REQUIRE(eventually([&] { return state_of(name) == "healthy"; }));
    return *workers.back();
  }

  proto::Node look(const std::string& name) {
    return find_node(*c, name);
  }

  std::string state_of(const std::string& name) {
    return look(name).state();
  }

  /// Returns what `coppice nodes` says to somebody who asks *node*.
  static command_result nodes_at(const real_node& node) {
    return run_coppice({"nodes", "--connect", node.address()});
  }

  std::string events() const {
    return run_coppice({"events", "--connect", manager->address()}).out;
  }

  temp_folder folder;
  std::optional<real_node> manager;
  std::vector<std::unique_ptr<real_node>> workers;
  std::unique_ptr<client> c;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(nodes_tests, fixture)

CAF_TEST(a node whose process is killed is proven to be gone) {
  // Silence proves nothing within this test.
  start_manager({{"keepalive.limit", "10m"}, {"lease.duration", "10m"}});
  auto& w1 = add_worker("w1");
  auto id = submit(*c, {sleep_task(8s)}).at(0);
  CAF_REQUIRE(
    eventually([&] { return get_task(*c, id).state() == proto::RUNNING; }));
  auto& w2 = add_worker("w2");
  CAF_REQUIRE(w1.signal_node(SIGKILL));
  CAF_CHECK(eventually([&] { return state_of("w1") == "down"; }));
  CAF_CHECK(contains(nodes_at(*manager).out, "its process is gone"));
  CAF_CHECK(contains(events(), "is down: its process is gone"));
  // So do its peers, and its work has gone on elsewhere.
  CAF_CHECK(eventually([&] {
    auto said = nodes_at(w2);
    return said.code == 0 && contains(said.out, "down");
  }));
  auto task = await_end(*c, id);
  CAF_CHECK_EQUAL(task.state(), proto::SUCCEEDED);
  CAF_REQUIRE_EQUAL(task.attempts_size(), 2);
  CAF_CHECK_EQUAL(task.attempts(0).node(), "w1");
  CAF_CHECK(task.attempts(0).reason() == proto::NODE_GONE);
  CAF_CHECK_EQUAL(task.attempts(1).node(), "w2");
}

CAF_TEST(a frozen node is down until it goes on) {
  start_manager();
  auto& w1 = add_worker("w1");
  auto before = look("w1");
  CAF_REQUIRE(w1.signal_node(SIGSTOP));
  CAF_CHECK(eventually([&] { return state_of("w1") == "down"; }));
  CAF_CHECK(contains(nodes_at(*manager).out, "it was silent"));
  // It could be given work, for it is connected, but that would wait there. Who
  // gives work may hear of it a moment later than who keeps the list.
  std::string id;
  CAF_REQUIRE(eventually([&] {
    id = submit(*c, {sleep_task(0s)}).at(0);
    return get_task(*c, id).state() == proto::WAITING;
  }));
  auto& w2 = add_worker("w2");
  auto task = await_end(*c, id);
  CAF_REQUIRE_EQUAL(task.attempts_size(), 1);
  CAF_CHECK_EQUAL(task.attempts(0).node(), w2.name());
  CAF_REQUIRE(w1.signal_node(SIGCONT));
  CAF_CHECK(eventually([&] { return state_of("w1") == "healthy"; }));
  CAF_CHECK_EQUAL(look("w1").incarnation(), before.incarnation());
}

CAF_TEST(a frozen manager takes nobody for silent) {
  start_manager();
  for (auto name : {"w1", "w2", "w3"})
    add_worker(name);
  std::map<std::string, int64_t> before;
  for (auto& x : workers)
    before[x->name()] = look(x->name()).changed_ms();
  CAF_REQUIRE(manager->signal_node(SIGSTOP));
  std::this_thread::sleep_for(4s);
  CAF_REQUIRE(manager->signal_node(SIGCONT));
  // For two limits after that, too.
  std::this_thread::sleep_for(2s);
  for (auto& x : workers) {
    CAF_CHECK_EQUAL(state_of(x->name()), "healthy");
    CAF_CHECK_EQUAL(look(x->name()).changed_ms(), before[x->name()]);
  }
  CAF_CHECK(!contains(manager->log(), "declares node"));
}

CAF_TEST(many nodes that fall silent at once are held) {
  start_manager();
  for (auto name : {"w1", "w2", "w3", "w4"})
    add_worker(name);
  for (auto& x : workers)
    CAF_REQUIRE(x->signal_node(SIGSTOP));
  std::string said;
  CAF_CHECK(eventually([&] {
    said = nodes_at(*manager).out;
    return contains(said, "suspect") && contains(said, "fell silent at once");
  }));
  std::this_thread::sleep_for(2s);
  CAF_CHECK_EQUAL(count(nodes_at(*manager).out, " suspect "), 4u);
  CAF_CHECK(contains(events(), "fell silent at once"));
  for (auto& x : workers)
    CAF_REQUIRE(x->signal_node(SIGCONT));
  for (auto& x : workers)
    CAF_CHECK(eventually([&] {
      auto now = look(x->name());
      return now.state() == "healthy" && !now.suspected();
    }));
  CAF_CHECK(!contains(manager->log(), "declares node"));
}

CAF_TEST(a node that is stopped leaves) {
  start_manager();
  auto& w1 = add_worker("w1");
  CAF_CHECK_EQUAL(w1.stop(), 0);
  CAF_CHECK_EQUAL(state_of("w1"), "left");
  w1.start();
  CAF_CHECK(eventually([&] { return state_of("w1") == "healthy"; }));
  CAF_CHECK(!contains(manager->log(), "declares node"));
}

CAF_TEST(a second node of the same name is refused while the first lives) {
  start_manager();
  auto& w1 = add_worker("w1");
  auto before = look("w1");
  temp_folder elsewhere;
  real_node second{
    elsewhere.path(),
    "w1",
    {{"node.roles", "worker"}, {"worker.managers", manager->address()}}};
  second.start();
  CAF_CHECK(eventually([&] {
    return contains(manager->log(), "each node needs a node.id of its own");
  }));
  CAF_CHECK_EQUAL(look("w1").incarnation(), before.incarnation());
  CAF_REQUIRE(w1.signal_node(SIGKILL));
  CAF_CHECK(eventually([&] {
    auto now = look("w1");
    return now.state() == "healthy" && now.address() == second.address();
  }));
}

CAF_TEST(nodes know each other while no manager answers) {
  start_manager({{"lease.duration", "2s"}});
  auto& w1 = add_worker("w1", {{"keepalive.interval", "200ms"}});
  auto& w2 = add_worker(
    "w2", {{"keepalive.interval", "200ms"}, {"keeper.backoff_min", "10ms"}});
  auto ids = submit(*c, {sleep_task(6s), sleep_task(6s)});
  for (auto& id : ids)
    CAF_REQUIRE(
      eventually([&] { return get_task(*c, id).state() == proto::RUNNING; }));
  manager->kill_both();
  for (auto* x : {&w1, &w2}) {
    auto said = nodes_at(*x);
    CAF_CHECK_EQUAL(said.code, 0);
    CAF_CHECK_EQUAL(count(said.out, " healthy "), 3u);
    CAF_CHECK(contains(said.out, "No information centre answers"));
    CAF_CHECK(contains(said.out, " old."));
  }
  // One that starts meanwhile knows what it knew.
  auto former = w2.node_pid();
  CAF_REQUIRE(w2.signal_node(SIGKILL));
  CAF_REQUIRE(
    eventually([&] { return count(w2.log(), "node is ready") == 2; }));
  CAF_CHECK(w2.node_pid() != former);
  CAF_CHECK_EQUAL(count(nodes_at(w2).out, " healthy "), 3u);
  manager->start();
  for (auto& id : ids)
    CAF_CHECK_EQUAL(await_end(*c, id).state(), proto::SUCCEEDED);
  for (auto name : {"m1", "w1", "w2"})
    CAF_CHECK(eventually([&] { return state_of(name) == "healthy"; }));
}

CAF_TEST(a node of another cluster is refused) {
  start_manager({{"cluster.name", "bank"}});
  real_node other{
    folder.path(),
    "w1",
    {{"node.roles", "worker"}, {"worker.managers", manager->address()}}};
  other.start();
  CAF_CHECK(eventually(
    [&] { return contains(other.log(), "this is cluster 'bank'"); }));
  CAF_CHECK_EQUAL(state_of("w1"), "");
}

CAF_TEST_FIXTURE_SCOPE_END()

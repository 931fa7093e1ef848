// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// Three managers, each a worker as well: what was acknowledged survives the
// loss of any one.

#include "tests/process/support/real_cluster.hpp"

#include <caf/test/unit_test.hpp>

#include <signal.h>

#include <algorithm>
#include <memory>
#include <set>

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

using fixture = real_cluster;

/// Returns how many workers are connected.
int workers(client& c) {
  proto::Request request;
  request.mutable_nodes();
  auto reply = ask(c, request);
  auto& xs = reply.nodes().nodes();
  return static_cast<int>(
    std::count_if(xs.begin(), xs.end(), [](auto& x) { return x.connected(); }));
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(cluster_tests, fixture)

CAF_TEST(what was acknowledged survives the death of one leader after another) {
  start();
  auto c = connect_to_all();
  std::set<std::string> acknowledged;
  auto submit_some = [&](int n) {
    for (auto i = 0; i < n; ++i)
      for (auto& id : submit(*c, {noop(), noop(), noop()}))
        CAF_CHECK(acknowledged.insert(id).second);
  };
  submit_some(10);
  for (auto round = 0; round < 3; ++round) {
    auto& dead = leader();
    dead.kill_both();
    submit_some(20);
    CAF_CHECK(leader().name() != dead.name());
    dead.start();
    submit_some(10);
  }
  CAF_CHECK_EQUAL(acknowledged.size(), 300u);
  for (auto& id : acknowledged)
    CAF_CHECK_EQUAL(await_end(*c, id).state(), proto::SUCCEEDED);
}

CAF_TEST(a task runs on while the leader changes and its result counts) {
  start();
  auto c = connect_to_all();
  CAF_REQUIRE(eventually([&] { return workers(*c) == 3; }));
  // More than the leader has slots: some of them run elsewhere.
  std::vector<proto::TaskSpec> specs(24, command("sleep 4"));
  auto ids = submit(*c, specs);
  auto all_leased = [&] {
    return std::all_of(ids.begin(), ids.end(), [&](auto& id) {
      return get_task(*c, id).attempts_size() == 1;
    });
  };
  CAF_REQUIRE(eventually(all_leased));
  auto& dead = leader();
  dead.kill_both();
  auto elsewhere = 0;
  for (auto& id : ids) {
    auto x = await_end(*c, id);
    CAF_CHECK_EQUAL(x.state(), proto::SUCCEEDED);
    if (x.attempts(0).node() == dead.name())
      continue;
    ++elsewhere;
    CAF_CHECK_EQUAL(x.attempts_size(), 1);
  }
  CAF_CHECK_EQUAL(elsewhere, 16);
}

CAF_TEST(a leader that was frozen is deposed and says who leads) {
  start();
  auto c = connect_to_all();
  submit(*c, {noop()});
  auto& old = leader();
  auto pid = old.signal_node(SIGSTOP);
  CAF_REQUIRE(pid);
  // The client waits for an answer of a node that is silent: another one asks.
  auto& other = old.name() == "a" ? *nodes[1] : *nodes[0];
  auto ids
    = submit(*connect(other, {{"127.0.0.1", nodes[2]->port()}}), {noop()});
  CAF_CHECK(leader().name() != old.name());
  ::kill(*pid, SIGCONT);
  // Through the old one, which knows its successor.
  auto through_old = connect(old);
  CAF_CHECK_EQUAL(await_end(*through_old, ids.at(0)).state(), proto::SUCCEEDED);
}

CAF_TEST_FIXTURE_SCOPE_END()

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// What was acknowledged survives SIGKILL of every process.

#include "tests/process/support/real_node.hpp"

#include <caf/test/unit_test.hpp>

#include <signal.h>

#include <set>

using namespace coppice;
using namespace coppice::test;

namespace {

proto::TaskSpec noop(const std::string& key = {}) {
  proto::TaskSpec x;
  x.set_kind("noop");
  x.set_idempotency_key(key);
  return x;
}

struct fixture {
  temp_folder folder;
  real_node node{folder.path(), "n1", {{"worker.slots", "32"}}};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(durability_tests, fixture)

CAF_TEST(tasks that were acknowledged survive the death of all processes) {
  std::set<std::string> acknowledged;
  for (auto round = 0; round < 5; ++round) {
    node.start();
    auto c = connect(node);
    for (auto i = 0; i < 20; ++i)
      for (auto& id : submit(*c, {noop(), noop(), noop()}))
        CAF_CHECK(acknowledged.insert(id).second);
    node.kill_both();
  }
  node.start();
  auto c = connect(node);
  for (auto& id : acknowledged)
    CAF_CHECK_EQUAL(await_end(*c, id).state(), proto::SUCCEEDED);
  CAF_CHECK_EQUAL(acknowledged.size(), 300u);
}

CAF_TEST(the same key names the same task after a crash) {
  node.start();
  std::string first;
  {
    auto c = connect(node);
    first = submit(*c, {noop("k1")}).at(0);
    node.signal_node(SIGKILL);
    auto again = submit(*c, {noop("k1")});
    CAF_CHECK_EQUAL(again.at(0), first);
  }
  node.kill_both();
  node.start();
  auto c = connect(node);
  auto again = submit(*c, {noop("k1")});
  CAF_CHECK_EQUAL(again.at(0), first);
  auto other = noop("k1");
  other.set_priority(3);
  proto::Request request;
  request.mutable_submit()->add_specs(other.SerializeAsString());
  auto reply = ask(*c, request);
  CAF_CHECK(reply.submit().items(0).has_error());
}

CAF_TEST(an orderly stop is quick and exits with 0) {
  node.start();
  auto c = connect(node);
  auto id = submit(*c, {noop()}).at(0);
  await_end(*c, id);
  CAF_CHECK_EQUAL(node.stop(), 0);
}

CAF_TEST_FIXTURE_SCOPE_END()

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/actors/executor_fixture.hpp"

using namespace coppice;
using namespace std::chrono_literals;

namespace {

struct fixture : test::executor_fixture {
  /// Has the manager say *x* with its next answer.
  void order(proto::DrainOrder x) {
    script->drain = x;
    pass(4s);
  }

  test::fake_run& run(const attempt_key& k) {
    return *runs.at(k);
  }

  uint32_t offered() const {
    return script->pulls.back().free();
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(executor_drain_tests, fixture)

CAF_TEST(an attempt moves when its next checkpoint is durable) {
  start();
  assign({make(key(1), "fake"), make(key(2), "fake")});
  run(key(1)).say(run_checkpoint{"before", {}});
  consume_messages();
  CAF_CHECK(run(key(1)).stops.empty());
  order(proto::MOVE_ATTEMPTS);
  CAF_CHECK_EQUAL(run(key(1)).wanted_checkpoints, 1);
  CAF_CHECK_EQUAL(run(key(2)).wanted_checkpoints, 1);
  CAF_CHECK(run(key(1)).stops.empty());
  CAF_CHECK_EQUAL(offered(), 0u);
  run(key(1)).say(run_checkpoint{"after", {}});
  consume_messages();
  CAF_CHECK_EQUAL(script->saved.back().chunk().data(), "after");
  CAF_REQUIRE_EQUAL(run(key(1)).stops.size(), 1u);
  run(key(1)).say(run_ended{failed("stopped", "")});
  pass(100ms);
  auto said = script->finishes();
  CAF_REQUIRE_EQUAL(said.size(), 1u);
  CAF_CHECK_EQUAL(said[0].outcome(), proto::FAILED);
  CAF_CHECK_EQUAL(said[0].reason(), proto::NODE_DRAINED);
  // Who saves nothing runs to its end.
  pass(60s);
  CAF_CHECK(run(key(2)).stops.empty());
}

CAF_TEST(a checkpoint that is not durable moves nothing) {
  start();
  assign({make(key(1), "fake")});
  order(proto::MOVE_ATTEMPTS);
  script->save_error.set_code(static_cast<uint32_t>(ec::storage_failure));
  run(key(1)).say(run_checkpoint{"x", {}});
  consume_messages();
  CAF_CHECK(run(key(1)).stops.empty());
  CAF_CHECK_EQUAL(run(key(1)).saved.size(), 1u);
}

CAF_TEST(an attempt that saves without a pause moves as well) {
  start();
  assign({make(key(1), "fake")});
  order(proto::MOVE_ATTEMPTS);
  run(key(1)).say(run_checkpoint{"one", {}});
  run(key(1)).say(run_checkpoint{"two", {}});
  consume_messages();
  CAF_CHECK_EQUAL(run(key(1)).stops.size(), 1u);
}

CAF_TEST(at the deadline all attempts are stopped) {
  start();
  proto::TaskSpec sleep;
  sleep.set_kind("sleep");
  sleep.mutable_sleep()->mutable_duration()->set_seconds(1'000);
  assign({make(key(1), "fake"), make(key(2), sleep)});
  order(proto::MOVE_ATTEMPTS);
  CAF_CHECK(script->finishes().empty());
  order(proto::STOP_ATTEMPTS);
  CAF_CHECK_EQUAL(run(key(1)).stops.size(), 1u);
  auto said = script->finishes();
  CAF_REQUIRE(!said.empty());
  CAF_CHECK_EQUAL(said[0].id().sequence(), 2u);
  CAF_CHECK_EQUAL(said[0].reason(), proto::NODE_DRAINED);
}

CAF_TEST(a drained node takes nothing and a released one takes again) {
  start();
  order(proto::MOVE_ATTEMPTS);
  assign({make(key(1), "fake")});
  CAF_CHECK(!runs.contains(key(1)));
  auto said = script->finishes();
  CAF_REQUIRE_EQUAL(said.size(), 1u);
  CAF_CHECK_EQUAL(said[0].reason(), proto::REFUSED_BY_NODE);
  order(proto::NO_DRAIN);
  CAF_CHECK_EQUAL(offered(), 4u);
  assign({make(key(2), "fake")});
  CAF_REQUIRE(runs.contains(key(2)));
  run(key(2)).say(run_checkpoint{"x", {}});
  consume_messages();
  CAF_CHECK(run(key(2)).stops.empty());
}

CAF_TEST(an attempt that waits for a slot goes elsewhere at once) {
  options.slots = 1;
  options.slot_patience = 1h;
  start();
  assign({make(key(1), "fake"), make(key(2), "fake")});
  CAF_REQUIRE(!runs.contains(key(2)));
  order(proto::MOVE_ATTEMPTS);
  auto said = script->finishes();
  CAF_REQUIRE(!said.empty());
  CAF_CHECK_EQUAL(said[0].id().sequence(), 2u);
  CAF_CHECK_EQUAL(said[0].reason(), proto::NODE_DRAINED);
  CAF_CHECK(!said[0].started());
}

CAF_TEST(an order of a newer manager is ignored) {
  start();
  assign({make(key(1), "fake")});
  order(static_cast<proto::DrainOrder>(77));
  CAF_CHECK_EQUAL(run(key(1)).wanted_checkpoints, 0);
  CAF_CHECK_EQUAL(offered(), 3u);
}

CAF_TEST(a heavy attempt takes as many slots as it weighs) {
  start();
  proto::TaskSpec heavy;
  heavy.set_kind("fake");
  heavy.set_weight(3);
  assign({make(key(1), heavy)});
  pass(100ms);
  CAF_CHECK_EQUAL(offered(), 1u);
  CAF_CHECK_EQUAL(script->pulls.back().slots(), 4u);
  run(key(1)).say(run_ended{succeeded("")});
  pass(100ms);
  CAF_CHECK_EQUAL(offered(), 4u);
}

CAF_TEST_FIXTURE_SCOPE_END()

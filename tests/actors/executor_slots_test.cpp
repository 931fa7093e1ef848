// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/actors/executor_fixture.hpp"

using namespace coppice;
using namespace std::chrono_literals;

namespace {

/// An EXECUTOR that shares two slots with another one, which is the test.
struct fixture : test::executor_fixture {
  fixture() : pool(std::make_shared<slot_pool>(2)) {
    pool->join();
    options.slots = 2;
    options.pool = pool;
    options.shard = 3;
    options.on_slots = [this] { ++changes; };
    options.on_shards = [this](uint32_t n) { shards = n; };
    script->welcome.set_shards(5);
  }

  /// The other one gives a slot back.
  void give_back() {
    pool->give_back(1);
    self->send(aut, atom::slots::value);
    consume_messages();
  }

  std::shared_ptr<slot_pool> pool;
  int changes = 0;
  uint32_t shards = 0;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(executor_slots_tests, fixture)

CAF_TEST(it offers its share of the slots to its shard) {
  start();
  CAF_REQUIRE_EQUAL(script->hellos.size(), 1u);
  CAF_CHECK_EQUAL(script->hellos[0].shard(), 3u);
  CAF_CHECK_EQUAL(shards, 5u);
  CAF_CHECK_EQUAL(script->pulls.back().free(), 1u);
  CAF_CHECK(pool->take(1) && pool->take(1));
  self->send(aut, atom::slots::value);
  pass(50ms);
  CAF_CHECK_EQUAL(script->pulls.back().free(), 0u);
}

CAF_TEST(an attempt takes a slot and gives it back) {
  start();
  assign({make(key(1), "fake")});
  CAF_CHECK_EQUAL(changes, 1);
  CAF_CHECK(pool->take(1));
  CAF_CHECK(!pool->take(1));
  runs.at(key(1))->say(run_ended{succeeded("")});
  consume_messages();
  CAF_CHECK_EQUAL(changes, 2);
  CAF_CHECK(pool->take(1));
}

CAF_TEST(an attempt without a slot waits a moment for one) {
  start();
  CAF_CHECK(pool->take(1) && pool->take(1));
  assign({make(key(1), "fake")});
  CAF_CHECK(!runs.contains(key(1)));
  pass(100ms);
  give_back();
  CAF_REQUIRE(runs.contains(key(1)));
  runs.at(key(1))->say(run_ended{succeeded("")});
  pass(100ms);
  CAF_REQUIRE_EQUAL(script->finishes().size(), 1u);
  CAF_CHECK_EQUAL(script->finishes()[0].outcome(), proto::SUCCEEDED);
}

CAF_TEST(an attempt that finds no slot is given back) {
  start();
  CAF_CHECK(pool->take(1) && pool->take(1));
  assign({make(key(1), "fake")});
  pass(500ms);
  auto said = script->finishes();
  CAF_REQUIRE_EQUAL(said.size(), 1u);
  CAF_CHECK_EQUAL(said[0].reason(), proto::REFUSED_BY_NODE);
  CAF_CHECK(!said[0].started());
  give_back();
  CAF_CHECK(!runs.contains(key(1)));
  CAF_CHECK(pool->take(1));
}

CAF_TEST(an attempt without a slot can be stopped) {
  start();
  CAF_CHECK(pool->take(1) && pool->take(1));
  assign({make(key(1), "fake")});
  stop(key(1), proto::CANCEL_REQUESTED);
  pass(100ms);
  auto said = script->finishes();
  CAF_REQUIRE_EQUAL(said.size(), 1u);
  CAF_CHECK_EQUAL(said[0].outcome(), proto::CANCELLED);
  give_back();
  CAF_CHECK(runs.empty());
}

CAF_TEST_FIXTURE_SCOPE_END()

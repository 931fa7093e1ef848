// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/node_rules.hpp"

#include <caf/test/unit_test.hpp>

#include <cstdint>

using namespace coppice;

namespace {

struct fixture {
  worker_key start(uint64_t incarnation) {
    return {"n1", incarnation};
  }

  node_entry row(uint64_t incarnation, node_state state,
                 down_cause cause = down_cause::none) {
    return {start(incarnation), state, cause, "card", {1, 7}};
  }

  node_entry healthy = row(3, node_state::healthy);
  node_entry silent = row(3, node_state::down, down_cause::silent);
  node_entry refused = row(3, node_state::down, down_cause::refused);
  node_entry gone = row(3, node_state::left);
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(node_rules_tests, fixture)

CAF_TEST(the later start wins) {
  CAF_CHECK(admit(nullptr, start(1)) == admission::fresh);
  for (auto& row : {healthy, silent, refused, gone}) {
    CAF_CHECK(admit(&row, start(4)) == admission::fresh);
    CAF_CHECK(admit(&row, start(2)) == admission::over);
    CAF_CHECK(!registered(&row, start(2), "x"));
    CAF_CHECK(!left(&row, start(2)));
    CAF_CHECK(!left(&row, start(4)));
    CAF_CHECK(!down(&row, start(2), down_cause::refused));
    CAF_CHECK(!down(&row, start(4), down_cause::refused));
  }
}

CAF_TEST(a start registers once and again when it was down) {
  CAF_CHECK(admit(&healthy, start(3)) == admission::known);
  CAF_CHECK(!registered(&healthy, start(3), "x"));
  CAF_CHECK(admit(&silent, start(3)) == admission::fresh);
  CAF_CHECK(admit(&refused, start(3)) == admission::fresh);
  auto x = registered(&silent, start(3), "x");
  CAF_REQUIRE(x);
  CAF_CHECK(x->state == node_state::healthy);
  CAF_CHECK(x->cause == down_cause::none);
  CAF_CHECK_EQUAL(x->card, "x");
}

CAF_TEST(a start that has left is over) {
  CAF_CHECK(admit(&gone, start(3)) == admission::over);
  CAF_CHECK(!registered(&gone, start(3), "x"));
  CAF_CHECK(!left(&gone, start(3)));
  CAF_CHECK(!down(&gone, start(3), down_cause::silent));
}

CAF_TEST(one that is down can still leave) {
  CAF_CHECK(left(&healthy, start(3)));
  CAF_CHECK(left(&silent, start(3)));
  CAF_CHECK(!left(nullptr, start(3)));
}

CAF_TEST(proof follows silence and not the other way round) {
  CAF_CHECK(down(&healthy, start(3), down_cause::silent));
  CAF_CHECK(down(&healthy, start(3), down_cause::refused));
  CAF_CHECK(down(&silent, start(3), down_cause::refused));
  CAF_CHECK(!down(&silent, start(3), down_cause::silent));
  CAF_CHECK(!down(&refused, start(3), down_cause::silent));
  CAF_CHECK(!down(nullptr, start(3), down_cause::silent));
}

CAF_TEST(a healthy node is not forgotten) {
  CAF_CHECK(!forgotten(nullptr));
  CAF_CHECK(!forgotten(&healthy));
  CAF_CHECK(forgotten(&silent));
  CAF_CHECK(forgotten(&gone));
}

CAF_TEST(only a refused connection proves an end) {
  for (auto& x : {healthy, silent, gone})
    CAF_CHECK(!proves_end(x));
  CAF_CHECK(proves_end(refused));
}

CAF_TEST(a drained node stays so until it is released) {
  CAF_CHECK(!drained(nullptr, {5, 0}));
  auto x = drained(&healthy, {5, 0});
  CAF_REQUIRE(x);
  CAF_CHECK(x->state == node_state::healthy);
  CAF_CHECK(x->hold == (node_hold{5, 0}));
  CAF_CHECK(!drained(&*x, {6, 0}));
  auto later = drained(&*x, {6, 90});
  CAF_REQUIRE(later);
  CAF_CHECK(later->hold == (node_hold{5, 90}));
  auto gone_now = left(&*later, start(3));
  CAF_REQUIRE(gone_now);
  CAF_CHECK(gone_now->hold == later->hold);
  auto again = registered(&*gone_now, start(4), "x");
  CAF_REQUIRE(again);
  CAF_CHECK(again->hold == later->hold);
  auto dead = down(&*again, start(4), down_cause::silent);
  CAF_REQUIRE(dead);
  CAF_CHECK(dead->hold == later->hold);
  auto free = released(&*dead);
  CAF_REQUIRE(free);
  CAF_CHECK(!free->hold);
  CAF_CHECK(free->cause == down_cause::silent);
  CAF_CHECK(!released(&*free));
}

CAF_TEST(attempts move and are stopped at the deadline) {
  CAF_CHECK_EQUAL(drain_order(std::nullopt, 100), proto::NO_DRAIN);
  CAF_CHECK_EQUAL(drain_order(node_hold{5, 0}, 100), proto::MOVE_ATTEMPTS);
  CAF_CHECK_EQUAL(drain_order(node_hold{5, 101}, 100), proto::MOVE_ATTEMPTS);
  CAF_CHECK_EQUAL(drain_order(node_hold{5, 101}, 101), proto::STOP_ATTEMPTS);
}

CAF_TEST_FIXTURE_SCOPE_END()

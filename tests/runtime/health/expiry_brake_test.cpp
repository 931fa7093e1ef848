// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/expiry_brake.hpp"

#include <caf/test/unit_test.hpp>

#include <chrono>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

struct fixture {
  bool holds(size_t watched, size_t late, bool expiring = true) {
    return aut.judge({watched, late, expiring}, now) > 0s;
  }

  expiry_brake aut{brake_limits{30, 1, 30s}, 3s};
  std::chrono::nanoseconds now{100s};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(expiry_brake_tests, fixture)

CAF_TEST(no more than the share are not held) {
  CAF_CHECK(!holds(10, 3));
  CAF_CHECK(!aut.engaged());
  CAF_CHECK(aut.explain().empty());
}

CAF_TEST(more than the share are held and explained) {
  CAF_CHECK(holds(10, 4));
  CAF_CHECK(aut.engaged());
  CAF_CHECK_EQUAL(aut.explain(),
                  "4 of 10 nodes fell silent at once, more than 30 %: this "
                  "manager or its network is suspected first, and none of them "
                  "is declared down before it was silent for 33s");
}

CAF_TEST(nothing is held before there is a verdict to hold) {
  CAF_CHECK(!holds(10, 8, false));
  CAF_CHECK(holds(10, 8, true));
}

CAF_TEST(one node is never too many and two can be) {
  CAF_CHECK(!holds(1, 1));
  CAF_CHECK(!holds(2, 1));
  CAF_CHECK(holds(3, 2));
}

CAF_TEST(those that were declared down just now count) {
  CAF_CHECK(!holds(10, 3));
  aut.declared(3, now);
  now += 2s;
  CAF_CHECK(holds(7, 1));
}

CAF_TEST(those that were declared down long ago do not ) {
  CAF_CHECK(!holds(10, 3));
  aut.declared(3, now);
  now += 3s;
  CAF_CHECK(!holds(7, 1));
}

CAF_TEST(it releases after a whole limit of calm) {
  CAF_CHECK(holds(10, 8));
  now += 1s;
  CAF_CHECK(holds(10, 2));
  now += 2s;
  CAF_CHECK(holds(10, 5));
  now += 1s;
  CAF_CHECK(holds(10, 2));
  now += 2'900ms;
  CAF_CHECK(holds(10, 2));
  now += 100ms;
  CAF_CHECK(!holds(10, 2));
  CAF_CHECK(!aut.engaged());
}

CAF_TEST(what was held in full does not hold others) {
  CAF_CHECK(holds(10, 8));
  aut.declared(8, now);
  CAF_CHECK(holds(2, 0, false));
  now += 3s;
  CAF_CHECK(!holds(2, 0, false));
  CAF_CHECK(!holds(2, 1));
}

CAF_TEST(a reset forgets everything) {
  CAF_CHECK(!holds(10, 3));
  aut.declared(3, now);
  CAF_CHECK(holds(7, 1));
  aut.reset();
  CAF_CHECK(!aut.engaged());
  CAF_CHECK(!holds(7, 1));
}

CAF_TEST_FIXTURE_SCOPE_END()

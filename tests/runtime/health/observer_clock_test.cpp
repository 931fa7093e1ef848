// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/observer_clock.hpp"

#include "tests/support/seeds.hpp"

#include <caf/test/unit_test.hpp>

#include <chrono>
#include <random>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

// Ticks of 100 ms, a tolerance of 300 ms, a stall of 1500 ms.
constexpr health_limits limits{3'000ms};

struct fixture {
  bool tick_after(std::chrono::milliseconds pause) {
    return aut.tick(now += pause);
  }

  observer_clock::time_point now{1'000h};
  observer_clock aut{limits, now};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(observer_clock_tests, fixture)

CAF_TEST(time that is awake is time) {
  for (auto i = 0; i < 100; ++i)
    CAF_CHECK(!tick_after(100ms));
  CAF_CHECK(aut.at(now) == 10s);
  CAF_CHECK(aut.at(now + 50ms) == 10'050ms);
  CAF_CHECK(aut.since() == 0s);
}

CAF_TEST(a tick that is a bit late counts in full) {
  CAF_CHECK(!tick_after(400ms));
  CAF_CHECK(!aut.is_late());
  CAF_CHECK(aut.at(now) == 400ms);
}

CAF_TEST(lateness beyond the tolerance does not count) {
  CAF_CHECK(!tick_after(1'500ms));
  CAF_CHECK(aut.is_late());
  CAF_CHECK(aut.at(now) == 400ms);
  CAF_CHECK(aut.since() == 0s);
}

CAF_TEST(after a stall all silence counts anew) {
  tick_after(100ms);
  CAF_CHECK(tick_after(10s));
  CAF_CHECK(aut.since() == aut.at(now));
  CAF_CHECK_EQUAL(aut.stalls(), 1u);
  CAF_CHECK(aut.last_stall() == 10s);
  CAF_CHECK(!tick_after(100ms));
  CAF_CHECK(aut.at(now) - aut.since() == 100ms);
}

CAF_TEST(a new observer counts no silence before it could be found) {
  observer_clock fresh{{3'000ms, 1'000ms}, now};
  CAF_CHECK(fresh.since() == 1s);
  // A stall brings it no forward.
  CAF_CHECK(fresh.tick(now + 2s));
  CAF_CHECK(fresh.since() == 1s);
  fresh.tick(now + 2'500ms);
  fresh.tick(now + 3s);
  CAF_CHECK(fresh.tick(now + 9s));
  CAF_CHECK(fresh.since() == fresh.at(now + 9s));
}

CAF_TEST(time that goes backwards changes nothing) {
  tick_after(100ms);
  CAF_CHECK(!aut.tick(now - 1h));
  CAF_CHECK(aut.at(now - 1h) == 100ms);
  CAF_CHECK(!tick_after(100ms));
  CAF_CHECK(aut.at(now) == 200ms);
}

CAF_TEST_FIXTURE_SCOPE_END()

CAF_TEST(it never goes back and never ahead of the caller) {
  for (auto seed : test::seeds(300)) { // COPPICE_SEED=<n> replays one.
    std::minstd_rand rng{seed};
    observer_clock::time_point begin{1h};
    auto now = begin;
    observer_clock aut{limits, now};
    std::chrono::nanoseconds last{0};
    for (auto step = 0; step < 1'000; ++step) {
      now += std::chrono::milliseconds{rng() % (rng() % 50 == 0 ? 9'000 : 150)};
      if (rng() % 3 == 0)
        aut.tick(now);
      auto at = aut.at(now);
      // Not a check for each step: the test engine prints them all.
      if (at < last || at > now - begin || aut.since() > at)
        CAF_FAIL("COPPICE_SEED=" << seed << ", step " << step);
      last = at;
    }
  }
}

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/supervise/restart_backoff.hpp"

#include "tests/support/seeds.hpp"

#include <caf/test/dsl.hpp>

#include <csignal>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

using action = restart_decision::action_type;

constexpr restart_limits limits{.min_uptime = 5s,
                                .backoff_min = 100ms,
                                .backoff_max = 1s,
                                .max_restarts = 6,
                                .period = 60s};

constexpr process_exit crash{1, false};
constexpr process_exit regeneration{node_exit::regenerate, false};

struct fixture {
  /// Lets the process run for *uptime* and end like *x*.
  restart_decision run(process_exit x, restart_limits::duration uptime) {
    now += uptime;
    auto result = backoff.decide(x, uptime, now);
    now += result.delay;
    return result;
  }

  restart_backoff::clock::time_point now{};
  restart_backoff backoff{limits};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(restart_backoff_tests, fixture)

CAF_TEST(0 and 2 stop the keeper with the same code) {
  auto x = run({0, false}, 1s);
  CAF_CHECK(x.action == action::stop);
  CAF_CHECK_EQUAL(x.exit_code, 0);
  auto y = run({2, false}, 0s);
  CAF_CHECK(y.action == action::stop);
  CAF_CHECK_EQUAL(y.exit_code, 2);
}

CAF_TEST(the pause doubles with each crash up to the longest) {
  for (auto expected : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms}) {
    auto x = run(crash, 10ms);
    CAF_REQUIRE(x.action == action::start);
    CAF_CHECK_EQUAL(x.delay.count(), expected.count());
  }
}

CAF_TEST(a good start begins the pauses anew) {
  run(crash, 10ms);
  run(crash, 10ms);
  CAF_CHECK_EQUAL(run(crash, 5s).delay.count(), 100);
}

CAF_TEST(one crash too many within the period ends it) {
  for (auto i = 0; i < 6; ++i)
    CAF_CHECK(run({70, false}, 5s).action == action::start);
  auto x = run({SIGSEGV, true}, 5s);
  CAF_CHECK(x.action == action::stop);
  CAF_CHECK_EQUAL(x.exit_code, 1);
  CAF_CHECK_EQUAL(x.reason, "signal 11 (Segmentation fault); crash 7 within"
                            " 60 s is one too many");
}

CAF_TEST(crashes that are old enough are forgotten) {
  for (auto i = 0; i < 100; ++i)
    CAF_CHECK(run(crash, 12s).action == action::start);
}

CAF_TEST(a planned regeneration starts at once and is no crash) {
  for (auto i = 0; i < 100; ++i) {
    auto x = run(regeneration, 6s);
    CAF_CHECK(x.action == action::start);
    CAF_CHECK_EQUAL(x.delay.count(), 0);
  }
}

CAF_TEST(a second regeneration too soon counts as a crash) {
  CAF_CHECK_EQUAL(run(regeneration, 1s).delay.count(), 0);
  CAF_CHECK_EQUAL(run(regeneration, 1s).delay.count(), 100);
  CAF_CHECK_EQUAL(run(regeneration, 1s).delay.count(), 200);
}

CAF_TEST(a signal is a crash whatever its number) {
  CAF_CHECK_EQUAL(run({2, true}, 1s).delay.count(), 100);
}

CAF_TEST(no sequence of ends breaks the limits) {
  for (auto seed : test::seeds(200)) {
    std::mt19937 random{seed};
    restart_backoff x{limits};
    std::deque<restart_backoff::clock::time_point> restarts;
    auto t = restart_backoff::clock::time_point{};
    auto last_planned = t - 1h;
    for (auto i = 0; i < 300; ++i) {
      auto uptime = std::chrono::milliseconds{random() % 15'000};
      t += uptime;
      auto end = random() % 3 == 0 ? regeneration : crash;
      auto decision = x.decide(end, uptime, t);
      auto planned = end == regeneration && t - last_planned >= 5s;
      if (end == regeneration)
        last_planned = t;
      if (decision.action == action::stop) {
        CAF_CHECK_EQUAL(decision.exit_code, 1);
        break;
      }
      CAF_CHECK_EQUAL(decision.delay.count() == 0, planned);
      CAF_CHECK(decision.delay <= limits.backoff_max);
      if (!planned)
        restarts.push_back(t);
      while (!restarts.empty() && t - restarts.front() >= limits.period)
        restarts.pop_front();
      if (restarts.size() > limits.max_restarts)
        CAF_FAIL("too many restarts, seed " << seed);
      t += decision.delay;
    }
  }
}

CAF_TEST_FIXTURE_SCOPE_END()

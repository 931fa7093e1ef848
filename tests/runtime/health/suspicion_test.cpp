// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/suspicion.hpp"

#include "tests/support/seeds.hpp"

#include <caf/test/unit_test.hpp>

#include <chrono>
#include <cmath>
#include <random>
#include <string>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

using std::chrono::milliseconds;

suspicion after(int count, milliseconds pause) {
  suspicion result{200ms};
  for (auto i = 0; i < count; ++i)
    result.heard(pause);
  return result;
}

} // namespace

CAF_TEST(a node that is on time is not suspected) {
  auto aut = after(100, 200ms);
  CAF_CHECK(aut.level(0ms) < 0.1);
  CAF_CHECK(aut.level(200ms) < 0.5);
  CAF_CHECK(aut.level(250ms) < 1);
}

CAF_TEST(each keep - alive that is missing adds to the suspicion) {
  auto aut = after(100, 200ms);
  CAF_CHECK(aut.level(400ms) > 1);
  CAF_CHECK(aut.level(400ms) < 3);
  CAF_CHECK(aut.level(600ms) > 3);
  CAF_CHECK(aut.level(800ms) > 8);
}

CAF_TEST(a node that was irregular is suspected later) {
  suspicion irregular{200ms};
  for (auto i = 0; i < 200; ++i)
    irregular.heard(i % 2 == 0 ? 50ms : 600ms);
  CAF_CHECK(irregular.level(600ms) < after(100, 200ms).level(600ms) / 2);
}

CAF_TEST(messages that come at once make nobody impatient) {
  auto aut = after(100, 0ms);
  CAF_CHECK(aut.level(250ms) < 1);
}

CAF_TEST(one long silence says little of the next) {
  auto aut = after(100, 200ms);
  aut.heard(1h);
  auto stained = aut.level(1s);
  CAF_CHECK(stained > 3);
  for (auto i = 0; i < 100; ++i)
    aut.heard(200ms);
  CAF_CHECK(aut.level(1s) > stained);
  CAF_CHECK(aut.level(1s) > 8);
}

CAF_TEST(the longest silence has a level) {
  auto aut = after(3, 200ms);
  CAF_CHECK(std::isfinite(aut.level(std::chrono::nanoseconds::max())));
}

CAF_TEST(a level has a word) {
  CAF_CHECK_EQUAL(std::string{describe_suspicion(0)}, "regular");
  CAF_CHECK_EQUAL(std::string{describe_suspicion(1)}, "late");
  CAF_CHECK_EQUAL(std::string{describe_suspicion(3)}, "very late");
  CAF_CHECK_EQUAL(std::string{describe_suspicion(8)}, "silent");
}

CAF_TEST(the level never falls while silence grows) {
  for (auto seed : test::seeds(200)) { // COPPICE_SEED=<n> replays one.
    std::minstd_rand rng{seed};
    auto interval = milliseconds{1 + rng() % 5'000};
    suspicion aut{interval};
    for (auto n = rng() % 100; n > 0; --n)
      aut.heard(milliseconds{rng() % 20'000});
    auto last = -1.0;
    for (milliseconds silence = 0ms; silence < 40'000ms; silence += 97ms) {
      auto level = aut.level(silence);
      // Not a check for each: the test engine prints them all.
      if (!std::isfinite(level) || level < last || level < 0)
        CAF_FAIL("COPPICE_SEED=" << seed << ": level " << level);
      last = level;
    }
  }
}

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/search_pauses.hpp"

#include <caf/test/unit_test.hpp>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

struct fixture {
  search_pauses aut{50ms, 2s};

  /// Nothing falls away by it.
  static constexpr uint64_t none = 0;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(search_pauses_tests, fixture)

CAF_TEST(who cannot be reached is asked ever more seldom) {
  for (auto pause : {50ms, 100ms, 200ms, 400ms, 800ms, 1600ms, 2000ms, 2000ms})
    CAF_CHECK(aut.after_loss(none) == pause);
  for (auto i = 0; i < 1'000; ++i)
    CAF_CHECK(aut.after_loss(none) == 2s);
}

CAF_TEST(who does not lead goes on to be asked often) {
  for (auto i = 0; i < 10; ++i)
    aut.after_loss(none);
  for (auto i = 0; i < 100; ++i)
    CAF_CHECK(aut.after_follower(none) == 200ms);
  aut.found();
  CAF_CHECK(aut.after_follower(none) == 50ms);
}

CAF_TEST(up to half of a pause falls away by chance) {
  CAF_CHECK(aut.after_loss(25) == 25ms);
  CAF_CHECK(aut.after_loss(51) == 100ms);
  CAF_CHECK(aut.after_loss(50) == 150ms);
  CAF_CHECK(search_pauses(1ms, 1ms).after_loss(7) == 1ms);
}

CAF_TEST(a search says little) {
  CAF_CHECK(!aut.election_is_news());
  auto losses = 0;
  auto elections = 0;
  for (auto i = 0; i < 64; ++i) {
    aut.after_loss(none);
    losses += aut.loss_is_news() ? 1 : 0;
  }
  for (auto i = 0; i < 64; ++i) {
    aut.after_follower(none);
    elections += aut.election_is_news() ? 1 : 0;
  }
  CAF_CHECK_EQUAL(losses, 3);
  CAF_CHECK_EQUAL(elections, 2);
  aut.found();
  aut.after_loss(none);
  CAF_CHECK(aut.loss_is_news());
}

CAF_TEST_FIXTURE_SCOPE_END()

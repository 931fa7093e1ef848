// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/forward/balance.hpp"

#include <caf/test/unit_test.hpp>

#include <algorithm>
#include <map>
#include <random>

using namespace coppice;
using namespace std::chrono_literals;
using forward::balance;
using forward::place_verdict;
using forward::route_place;

namespace {

struct fixture {
  static route_place place(uint32_t instance, uint64_t epoch = 1) {
    auto n = std::to_string(instance);
    return {instance, epoch, "n" + n, "127.0.0.1:" + n, true};
  }

  void update(uint32_t n) {
    std::vector<route_place> xs;
    for (uint32_t i = 0; i < n; ++i)
      xs.push_back(place(i));
    all.update(xs);
  }

  /// @returns -1 if there is none.
  int pick() {
    auto x = all.pick(now);
    return x ? static_cast<int>(x->instance) : -1;
  }

  void ended(uint32_t i, place_verdict verdict) {
    all.ended(place(i), verdict, now);
  }

  balance all;
  balance::time now{1'000s};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(balance_tests, fixture)

CAF_TEST(equals take turns) {
  update(3);
  std::map<int, int> times;
  for (auto i = 0; i < 30; ++i) {
    auto n = pick();
    ++times[n];
    ended(static_cast<uint32_t>(n), place_verdict::fine);
  }
  CAF_CHECK(times == (std::map<int, int>{{0, 10}, {1, 10}, {2, 10}}));
}

CAF_TEST(the place with the fewest open requests is chosen) {
  update(2);
  auto first = pick();
  auto second = pick();
  CAF_CHECK_NOT_EQUAL(first, second);
  ended(static_cast<uint32_t>(first), place_verdict::fine);
  CAF_CHECK_EQUAL(pick(), first);
}

CAF_TEST(no place has more than so many open requests) {
  update(1);
  for (size_t i = 0; i < balance::most_open; ++i)
    CAF_CHECK_EQUAL(pick(), 0);
  CAF_CHECK_EQUAL(pick(), -1);
  ended(0, place_verdict::nothing);
  CAF_CHECK_EQUAL(pick(), 0);
}

CAF_TEST(a place that failed rests for a moment) {
  update(1);
  pick();
  ended(0, place_verdict::failed);
  CAF_CHECK_EQUAL(pick(), -1);
  now += balance::first_rest;
  CAF_CHECK_EQUAL(pick(), 0);
}

CAF_TEST(after three failures in a row a place is out and the other serves) {
  update(2);
  for (auto i = 0; i < 3; ++i) {
    ended(0, place_verdict::failed);
    now += balance::last_rest;
  }
  for (auto i = 0; i < 4; ++i)
    CAF_CHECK_EQUAL(pick(), 1);
  now += balance::first_out;
  CAF_CHECK_EQUAL(pick(), 0);
}

CAF_TEST(the only place is never out for longer than it rests) {
  update(1);
  for (auto i = 0; i < 10; ++i) {
    ended(0, place_verdict::failed);
    now += balance::last_rest;
    CAF_CHECK_EQUAL(pick(), 0);
  }
}

CAF_TEST(a busy place does not bring back one that is out) {
  update(2);
  for (auto i = 0; i < 3; ++i) {
    ended(0, place_verdict::failed);
    now += balance::first_rest * 4;
  }
  for (size_t i = 0; i < balance::most_open; ++i)
    CAF_REQUIRE_EQUAL(pick(), 1);
  CAF_CHECK_EQUAL(pick(), -1);
}

CAF_TEST(an answer makes good what failed before) {
  update(2);
  for (auto i = 0; i < 2; ++i) {
    ended(0, place_verdict::failed);
    now += balance::last_rest;
  }
  ended(0, place_verdict::fine);
  ended(0, place_verdict::failed);
  now += balance::first_rest;
  CAF_CHECK_EQUAL(pick(), 0);
}

CAF_TEST(requests that fail together count once) {
  update(2);
  for (auto i = 0; i < 20; ++i)
    ended(0, place_verdict::failed);
  now += balance::first_rest;
  CAF_CHECK_EQUAL(pick(), 0);
}

CAF_TEST(a place of a new epoch starts afresh) {
  update(1);
  pick();
  ended(0, place_verdict::failed);
  all.update({place(0, 2)});
  CAF_CHECK_EQUAL(pick(), 0);
  // Of the old one: nothing.
  ended(0, place_verdict::failed);
  CAF_CHECK_EQUAL(pick(), 0);
}

CAF_TEST(whatever happens nobody is asked too much and nobody is lost) {
  std::mt19937_64 lots{7};
  for (auto round = 0; round < 200; ++round) {
    auto n = static_cast<uint32_t>(1 + lots() % 4);
    all = {};
    update(n);
    std::vector<uint32_t> open;
    for (auto step = 0; step < 300; ++step) {
      now += std::chrono::milliseconds{lots() % 100};
      if (lots() % 2 == 0) {
        if (auto i = pick(); i >= 0)
          open.push_back(static_cast<uint32_t>(i));
      } else if (!open.empty()) {
        std::swap(open[lots() % open.size()], open.back());
        ended(open.back(), static_cast<place_verdict>(lots() % 4));
        open.pop_back();
      }
      for (uint32_t i = 0; i < n; ++i)
        CAF_REQUIRE(static_cast<size_t>(std::count(open.begin(), open.end(), i))
                    <= balance::most_open);
    }
    for (auto i : open)
      ended(i, place_verdict::nothing);
    // Everybody is asked again in the end.
    now += balance::last_out;
    std::map<int, int> times;
    for (auto i = 0; i < 40; ++i)
      ++times[pick()];
    CAF_REQUIRE_EQUAL(times.size(), n);
    CAF_REQUIRE(!times.contains(-1));
  }
}

CAF_TEST_FIXTURE_SCOPE_END()

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/keep_alive_book.hpp"
#include "tests/support/seeds.hpp"

#include <caf/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

using std::chrono::nanoseconds;

/// Nodes that speak at their interval, and an observer that ticks at its own;
/// both are late by chance.
struct observed {
  using time_point = keep_alive_book::time_point;

  struct node {
    worker_key key;
    time_point next;
    time_point heard;
    bool dead = false;
  };

  observed(uint32_t seed, std::chrono::milliseconds limit, size_t size)
    : rng(seed),
      limits{limit},
      aut(limits, brake_limits{}, now) {
    for (size_t i = 0; i < size; ++i) {
      nodes.push_back(
        {{"n" + std::to_string(i), 1}, now + upto(limits.interval()), now});
      aut.watch(nodes.back().key, now);
    }
  }

  nanoseconds upto(nanoseconds most) {
    return nanoseconds{static_cast<int64_t>(
      rng() % static_cast<uint64_t>(std::max(most, 1ns).count()))};
  }

  /// One tick, after all that came before it was heard.
  std::vector<worker_key> tick() {
    now += limits.tick() + upto(tick_late);
    for (auto& x : nodes)
      while (!x.dead && x.next <= now) {
        x.heard = x.next;
        aut.heard(x.key, x.heard);
        x.next += limits.interval() + upto(node_late);
      }
    return aut.tick(now);
  }

  std::mt19937_64 rng;
  health_limits limits;
  time_point now{1'000h};
  keep_alive_book aut;
  std::vector<node> nodes;
  nanoseconds tick_late{0};
  nanoseconds node_late{0};
};

// Not a check for each tick: the test engine prints them all.
void expect_nothing(observed& x) {
  if (!x.tick().empty())
    CAF_FAIL("a node that is alive was judged to be down");
}

} // namespace

CAF_TEST(a silence is found between the limit and a tenth more) {
  for (auto seed : test::seeds(500)) { // COPPICE_SEED=<n> replays one.
    std::minstd_rand rng{seed};
    observed x{seed, std::chrono::milliseconds{300 + rng() % 10'000}, 4};
    x.tick_late = x.limits.tick();
    for (auto n = rng() % 100; n > 0; --n)
      expect_nothing(x);
    auto& dead = x.nodes.front();
    dead.dead = true;
    std::vector<worker_key> found;
    while (found.empty()) {
      found = x.tick();
      if (x.now - dead.heard > nanoseconds{x.limits.limit} * 11 / 10)
        CAF_FAIL("COPPICE_SEED=" << seed << ": it was found too late");
    }
    CAF_REQUIRE(found == (std::vector{dead.key}));
    CAF_REQUIRE(x.now - dead.heard >= x.limits.limit);
  }
}

CAF_TEST(nobody is down on a machine that is too busy) {
  for (auto seed : test::seeds(200)) {
    std::minstd_rand rng{seed};
    observed x{seed, std::chrono::milliseconds{300 + rng() % 3'000}, 5};
    x.node_late = x.limits.limit / 2;
    x.tick_late = x.limits.limit * (rng() % 3);
    for (auto n = 0; n < 500; ++n)
      expect_nothing(x);
  }
}

CAF_TEST(ten thousand nodes are watched) {
  observed x{1, 3s, 10'000};
  for (auto n = 0; n < 100; ++n)
    CAF_REQUIRE(x.tick().empty());
  for (size_t i = 0; i < 1'000; ++i)
    x.nodes[i * 10].dead = true;
  size_t found = 0;
  for (auto n = 0; n < 34; ++n)
    found += x.tick().size();
  CAF_CHECK_EQUAL(found, 1'000u);
}

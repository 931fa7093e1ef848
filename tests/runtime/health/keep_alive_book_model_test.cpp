// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/keep_alive_book.hpp"
#include "tests/support/seeds.hpp"

#include <caf/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

constexpr health_limits limits{3s};

/// Drives a book and a naive model of it with the same random input: the model
/// keeps the last sign of life of each node and looks at all on every tick. The
/// brake has a test of its own, and is off.
struct model {
  explicit model(uint32_t seed) : rng(seed) {
    // nop
  }

  uint32_t dice(uint32_t n) {
    return static_cast<uint32_t>(rng() % n);
  }

  worker_key some_node() {
    return {"n" + std::to_string(dice(12)), 1 + dice(2)};
  }

  std::chrono::nanoseconds silence(const worker_key& x) {
    return awake() - std::max(heard.at(x), since);
  }

  /// By the rules of the observer's clock, written down once more.
  std::chrono::nanoseconds awake() const {
    return awake_ticked
           + std::min<std::chrono::nanoseconds>(now - ticked, 400ms);
  }

  void watch() {
    auto x = some_node();
    aut.watch(x, now);
    forget_all_of(x.node);
    heard[x] = awake();
  }

  void hear() {
    auto x = some_node();
    auto i = heard.find(x);
    CAF_REQUIRE_EQUAL(aut.heard(x, now), i != heard.end());
    if (i == heard.end())
      return;
    i->second = awake();
    told.erase(x);
  }

  void forget() {
    auto x = some_node();
    aut.forget(x.node);
    forget_all_of(x.node);
  }

  void forget_all_of(const std::string& node) {
    std::erase_if(heard, [&](auto& x) { return x.first.node == node; });
    std::erase_if(told, [&](auto& x) { return x.first.node == node; });
  }

  void tick() {
    auto is_stall = now - ticked >= 1'600ms;
    auto is_late = now - ticked > 400ms;
    awake_ticked = awake();
    ticked = now;
    if (is_stall) {
      since = awake_ticked;
      told.clear();
    }
    std::vector<worker_key> expected;
    for (auto& [x, at] : heard) {
      auto i = told.find(x);
      auto due = i == told.end() ? silence(x) >= limits.limit
                                 : awake() - i->second >= limits.limit;
      if (due && !is_late) {
        expected.push_back(x);
        told[x] = awake();
      }
    }
    auto got = aut.tick(now);
    std::sort(got.begin(), got.end());
    CAF_REQUIRE(got == expected);
    check();
  }

  void check() {
    size_t suspects = 0;
    for (auto& [x, at] : heard) {
      auto known = aut.find(x.node, now);
      auto is_suspect = silence(x) >= limits.late() || told.count(x) > 0;
      // Not a check for each: the test engine prints them all.
      if (!known || known->length != silence(x)
          || known->suspected != is_suspect)
        CAF_FAIL("the book is wrong about " << x.node);
      suspects += is_suspect ? 1 : 0;
    }
    if (aut.size() != heard.size() || aut.suspects().size() != suspects)
      CAF_FAIL("the book has lost its way");
  }

  void step() {
    now += std::chrono::milliseconds{dice(60)};
    switch (dice(8)) {
      case 0:
        return watch();
      case 1:
        return dice(8) == 0 ? forget() : hear();
      case 2:
        return hear();
      case 3:
        now += std::chrono::milliseconds{dice(dice(40) == 0 ? 20'000 : 700)};
        return tick();
      default:
        now += std::chrono::milliseconds{dice(120)};
        return tick();
    }
  }

  std::minstd_rand rng;
  keep_alive_book::time_point now{1'000h};
  keep_alive_book aut{limits, brake_limits{100, 1, 30s}, now};
  keep_alive_book::time_point ticked = now;
  std::chrono::nanoseconds awake_ticked{0};
  std::chrono::nanoseconds since{0};
  std::map<worker_key, std::chrono::nanoseconds> heard;
  std::map<worker_key, std::chrono::nanoseconds> told;
};

} // namespace

CAF_TEST(each silence is told when the plain rules say so) {
  for (auto seed : test::seeds(100)) { // COPPICE_SEED=<n> replays one.
    CAF_MESSAGE("seed " << seed);
    model x{seed};
    for (auto step = 0; step < 1'000; ++step)
      x.step();
  }
}

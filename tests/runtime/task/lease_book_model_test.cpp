// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/lease_book.hpp"
#include "tests/support/seeds.hpp"

#include <caf/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <random>
#include <tuple>
#include <vector>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

using std::chrono::milliseconds;
using time_point = lease_book::time_point;

constexpr lease_limits limits{10s, 100ms, 3s};

/// Drives a lease book and a naive model of it with the same random input. The
/// model keeps every fact and judges every attempt on every tick.
struct model {
  struct attempt {
    worker_key worker;
    clocks on;
    milliseconds granted;
    milliseconds changed;
    milliseconds total;
    double percent = 0;
    bool started = false;
    std::optional<proto::Reason> stopping;
    milliseconds grace{0};
    bool ended = false;
    /// By the caller's clock: the latest thing that each clock counts from.
    time_point real_granted;
    time_point real_changed;
    time_point real_stopping;
  };

  using verdict = std::tuple<attempt_key, int, bool>;

  explicit model(uint32_t seed) : rng(seed) {
    aut.tick(now);
    ticked = now;
  }

  uint32_t dice(uint32_t n) {
    return static_cast<uint32_t>(rng() % n);
  }

  milliseconds pause(uint32_t most) {
    return milliseconds{dice(most)};
  }

  worker_key some_worker() {
    return {"n" + std::to_string(dice(4)), 1};
  }

  attempt_key some_attempt() {
    return {{1, 1, 1 + dice(12)}, 1 + dice(2)};
  }

  /// Book time: the caller's, less what ticks were later than they may be.
  milliseconds book() const {
    auto since = std::chrono::duration_cast<milliseconds>(now - ticked);
    return book_ticked + std::min<milliseconds>(since, 2 * limits.tick);
  }

  // -- steps ------------------------------------------------------------------

  void grant() {
    auto key = some_attempt();
    attempt x;
    x.worker = some_worker();
    x.on = {dice(2) * pause(60'000), dice(2) * pause(40'000),
            dice(2) * pause(30'000)};
    auto left = pause(60'000) - 1s;
    x.granted = x.changed = book();
    x.total = book() + std::max(left, 0ms);
    x.real_granted = x.real_changed = now;
    aut.grant(key, x.worker, x.on, left, now);
    all[key] = x;
    heard.try_emplace(x.worker, book());
  }

  void report() {
    auto who = some_worker();
    aut.heard(who, now);
    heard[who] = book();
    real_heard[who] = now;
  }

  void move() {
    auto key = some_attempt();
    proto::Progress said;
    said.set_percent(dice(3));
    said.set_changed_ms(dice(1'000));
    auto i = all.find(key);
    auto changes = i != all.end() && i->second.percent != said.percent();
    CAF_REQUIRE_EQUAL(aut.progress(key, said, now), changes);
    if (!changes)
      return;
    i->second.percent = said.percent();
    i->second.changed = book();
    i->second.real_changed = now;
  }

  void start() {
    auto key = some_attempt();
    aut.started(key, 1, now);
    if (auto i = all.find(key); i != all.end() && !i->second.started) {
      i->second.started = true;
      i->second.changed = book();
      i->second.real_changed = now;
    }
  }

  void stop() {
    auto key = some_attempt();
    auto i = all.find(key);
    auto can = i != all.end() && !i->second.stopping && !i->second.ended;
    CAF_REQUIRE_EQUAL(aut.stopping(key, proto::CANCEL_REQUESTED, now), can);
    if (can) {
      i->second.stopping = proto::CANCEL_REQUESTED;
      i->second.grace = book() + limits.stop_grace;
      i->second.real_stopping = now;
    }
  }

  void erase() {
    auto key = some_attempt();
    CAF_REQUIRE_EQUAL(aut.erase(key), all.erase(key) > 0);
  }

  void node_gone() {
    auto who = some_worker();
    std::vector<attempt_key> held;
    for (auto& [key, x] : all)
      if (x.worker == who)
        held.push_back(key);
    CAF_REQUIRE_EQUAL(aut.count(who), held.size());
    CAF_REQUIRE(aut.held_by(who) == held);
    CAF_REQUIRE(aut.node_gone(who) == held);
    for (auto& key : held)
      all.erase(key);
  }

  // -- the judge --------------------------------------------------------------

  milliseconds patience(const attempt& x) const {
    return std::max(limits.lease, x.on.no_answer);
  }

  /// Judges *x* at book time *at*.
  std::optional<std::pair<proto::Reason, bool>> judge(attempt& x,
                                                      milliseconds at) {
    if (x.ended)
      return std::nullopt;
    if (x.stopping) {
      if (at < x.grace)
        return std::nullopt;
      x.ended = true;
      CAF_REQUIRE(now - x.real_stopping >= limits.stop_grace);
      return std::pair{*x.stopping, true};
    }
    auto silent = std::max(heard[x.worker], x.granted) + patience(x);
    auto stalled = x.on.stall > 0ms ? x.changed + x.on.stall : 9999h;
    auto total = x.on.total > 0ms ? x.total : 9999h;
    auto first = std::min({silent, stalled, total});
    if (at < first)
      return std::nullopt;
    if (first == total) {
      x.stopping = proto::TOTAL_TIMEOUT;
    } else if (first == silent) {
      x.ended = true;
      // Nobody is blamed early, by the caller's clock either.
      auto since = std::max(x.real_granted, real_heard[x.worker]);
      CAF_REQUIRE(now - since >= patience(x));
      return std::pair{proto::LEASE_EXPIRED, true};
    } else {
      x.stopping = proto::STALLED;
      CAF_REQUIRE(now - x.real_changed >= x.on.stall);
    }
    x.grace = at + limits.stop_grace;
    x.real_stopping = now;
    return std::pair{*x.stopping, false};
  }

  void tick() {
    book_ticked = book();
    ticked = now;
    std::vector<verdict> expected;
    for (auto& [key, x] : all)
      if (auto said = judge(x, book_ticked))
        expected.emplace_back(key, said->first, said->second);
    std::vector<verdict> got;
    for (auto& x : aut.tick(now)) {
      CAF_REQUIRE(x.worker == all.at(x.key).worker);
      CAF_REQUIRE_EQUAL(aut.find(x.key)->started, all.at(x.key).started);
      got.emplace_back(x.key, x.reason, x.final);
    }
    std::sort(got.begin(), got.end());
    CAF_REQUIRE(got == expected);
    CAF_REQUIRE_EQUAL(aut.size(), all.size());
  }

  void step() {
    now += pause(40);
    switch (dice(16)) {
      case 0:
      case 1:
        return grant();
      case 2:
        return report();
      case 3:
        return move();
      case 4:
        return start();
      case 5:
        return dice(4) == 0 ? stop() : erase();
      case 6:
        return dice(8) == 0 ? node_gone() : report();
      case 7:
        now += dice(20) == 0 ? pause(3'600'000) : pause(3'000);
        return tick();
      default:
        now += pause(150);
        return tick();
    }
  }

  std::minstd_rand rng;
  lease_book aut{limits};
  time_point now{1'000h};
  time_point ticked;
  milliseconds book_ticked{0};
  std::map<attempt_key, attempt> all;
  std::map<worker_key, milliseconds> heard;
  std::map<worker_key, time_point> real_heard;
};

} // namespace

CAF_TEST(each clock ends when the plain rules say so and is told once) {
  for (auto seed : test::seeds(200)) { // COPPICE_SEED=<n> replays one.
    CAF_MESSAGE("seed " << seed);
    model x{seed};
    for (auto step = 0; step < 3'000; ++step)
      x.step();
  }
}

CAF_TEST(a stall of any length blames nobody that reports in time) {
  for (auto seed : test::seeds(300)) {
    CAF_MESSAGE("seed " << seed);
    std::minstd_rand rng{seed};
    lease_book aut{limits};
    auto now = time_point{} + 1h;
    auto ms = [&](uint32_t n) { return milliseconds{rng() % n}; };
    aut.tick(now);
    std::map<worker_key, time_point> next_report;
    for (uint32_t i = 1; i <= 20; ++i) {
      worker_key who{"n", i % 5};
      aut.grant({{1, 1, i}, 1}, who, {}, 0ms, now);
      next_report[who] = now + ms(3'333);
    }
    for (auto round = 0; round < 50; ++round) {
      // On time for a while: a report each third of a lease.
      for (auto n = 40 + rng() % 100; n > 0; --n) {
        now += 100ms;
        for (auto& [who, due] : next_report) {
          if (now < due)
            continue;
          aut.heard(who, now);
          due = now + 3'333ms;
        }
        CAF_REQUIRE(aut.tick(now).empty());
      }
      // Then the observer stands still, and judges before it reads its mail.
      now += rng() % 3 == 0 ? ms(100'000'000) : ms(20'000);
      CAF_REQUIRE(aut.tick(now).empty());
    }
    // Those that report no more are found all the same.
    size_t found = 0;
    for (auto n = 0; n < 101; ++n)
      found += aut.tick(now += 100ms).size();
    CAF_REQUIRE_EQUAL(found, 20u);
  }
}

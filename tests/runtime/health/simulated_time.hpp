// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <utility>

namespace coppice::test {

/// Time that passes from one planned event to the next, and chance.
class simulated_time {
public:
  using time_point = std::chrono::steady_clock::time_point;
  using milliseconds = std::chrono::milliseconds;

  explicit simulated_time(uint32_t seed) : rng_(seed) {}

  time_point now() const {
    return now_;
  }

  void after(milliseconds pause, std::function<void()> what) {
    planned_.emplace(now_ + pause, std::move(what));
  }

  void run_until(time_point end) {
    while (!planned_.empty() && planned_.begin()->first <= end) {
      auto next = planned_.extract(planned_.begin());
      now_ = next.key();
      next.mapped()();
    }
    now_ = end;
  }

  /// Returns a number from 0 to *n* - 1.
  uint32_t dice(uint32_t n) {
    return static_cast<uint32_t>(rng_() % n);
  }

  bool chance(uint32_t percent) {
    return dice(100) < percent;
  }

  milliseconds pause(int from, int to) {
    return milliseconds{
      from + static_cast<int>(dice(static_cast<uint32_t>(to - from + 1)))};
  }

private:
  std::minstd_rand rng_;
  time_point now_{std::chrono::hours{1}};
  std::multimap<time_point, std::function<void()>> planned_;
};

} // namespace coppice::test

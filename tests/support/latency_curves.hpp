// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/health/ageing/latency_watch.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <random>
#include <string_view>

// What answers take that a server gives while it has nothing else to do, of
// which it is known whether it wears.

namespace coppice::test {

/// What happens to a server beside chance.
enum class latency_shape : uint8_t {
  even,
  /// The machine has much to do at noon, and little at night.
  daily,
  /// The first requests find nothing in its caches.
  warm_up,
  /// Clients come and go who ask for other things.
  steps,
  /// What it asks itself is slow for minutes or hours.
  slow_friends,
  /// All of these.
  mixed,
};

inline constexpr latency_shape all_latency_shapes[]
  = {latency_shape::even,  latency_shape::daily,        latency_shape::warm_up,
     latency_shape::steps, latency_shape::slow_friends, latency_shape::mixed};

inline std::string_view to_string(latency_shape x) {
  switch (x) {
    case latency_shape::even:
      return "even";
    case latency_shape::daily:
      return "daily load";
    case latency_shape::warm_up:
      return "warm-up";
    case latency_shape::steps:
      return "steps";
    case latency_shape::slow_friends:
      return "slow friends";
    case latency_shape::mixed:
      return "all of these";
  }
  return "unknown";
}

/// A server that is drawn from a seed.
class latency_curve {
public:
  /// @param exhausted_after When an answer takes as long as the limit says, or
  ///                        16 times as long as at first, whichever is longer,
  ///                        in seconds; 0: nothing wears.
  latency_curve(latency_shape shape, uint64_t seed, double exhausted_after = 0)
    : random_(seed) {
    auto has = [&](latency_shape x) {
      return shape == x || shape == latency_shape::mixed;
    };
    service_ms_ = draw_log(2, 200);
    deviation_ = draw(0.02, 0.2);
    memory_ = draw(0, 0.99);
    phase_ = draw(0, 1);
    if (has(latency_shape::daily))
      daily_ = draw(0.2, 1);
    if (has(latency_shape::warm_up)) {
      cold_ = draw(0.5, 5);
      warm_after_ = draw_log(60, 3'600);
    }
    steps_ = has(latency_shape::steps);
    friends_ = has(latency_shape::slow_friends);
    if (exhausted_after > 0)
      wear_ = (std::max(latency_limits{}.limit_ms / service_ms_,
                        latency_limits{}.times)
               - 1)
              / exhausted_after;
  }

  /// Returns what an answer took at *t* seconds; to be asked in order.
  double at(double t) {
    constexpr auto day = 86'400.0;
    noise_
      = memory_ * noise_ + std::sqrt(1 - memory_ * memory_) * normal_(random_);
    if (steps_ && t >= next_step_) {
      level_ = draw_log(0.5, 3);
      next_step_ = t + draw_log(600, 2 * day);
    }
    if (friends_ && t >= next_change_) {
      wait_ = wait_ > 1 || t == 0 ? 1 : draw_log(2, 40);
      next_change_
        = t + (wait_ > 1 ? draw_log(60, 3 * 3'600) : draw_log(600, 2 * day));
    }
    auto noon = 1 + std::sin(2 * std::numbers::pi * (t / day + phase_));
    return service_ms_ * (1 + wear_ * t) * level_ * wait_
           * (1 + daily_ * noon / 2) * (1 + cold_ * std::exp(-t / warm_after_))
           * std::exp(deviation_ * noise_);
  }

private:
  double draw(double from, double to) {
    return std::uniform_real_distribution<double>{from, to}(random_);
  }

  double draw_log(double from, double to) {
    return std::exp(draw(std::log(from), std::log(to)));
  }

  std::mt19937_64 random_;
  std::normal_distribution<double> normal_;
  double service_ms_ = 1;
  double deviation_ = 0;
  double memory_ = 0;
  double noise_ = 0;
  double phase_ = 0;
  double daily_ = 0;
  double cold_ = 0;
  double warm_after_ = 1;
  double wear_ = 0;
  double level_ = 1;
  double wait_ = 1;
  double next_step_ = 0;
  double next_change_ = 0;
  bool steps_ = false;
  bool friends_ = false;
};

/// Returns when *x* counts as worn, in seconds; less than 0: never until *end*.
inline double find_slowing(latency_curve x, double end) {
  constexpr auto pause = 10.0;
  latency_watch watch;
  for (double t = 0; t < end; t += pause) {
    watch.add(latency_watch::seconds{t}, x.at(t));
    if (watch.is_worn())
      return t;
  }
  return -1;
}

} // namespace coppice::test

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/health/ageing/growth.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <random>
#include <string_view>

// Curves of which it is known whether something wears: in shares of the limit,
// which is 1.

namespace coppice::test {

/// What a curve has beside its noise.
enum class curve_shape : uint8_t {
  noise,
  /// A heap that is collected now and then.
  saw_tooth,
  /// Grows and shrinks with the load of the day.
  daily,
  /// A cache that fills.
  warm_up,
  /// Pools that grow and shrink at once.
  steps,
  /// All of these.
  mixed,
};

inline constexpr curve_shape all_shapes[]
  = {curve_shape::noise,   curve_shape::saw_tooth, curve_shape::daily,
     curve_shape::warm_up, curve_shape::steps,     curve_shape::mixed};

inline std::string_view to_string(curve_shape x) {
  switch (x) {
    case curve_shape::noise:
      return "noise";
    case curve_shape::saw_tooth:
      return "saw tooth";
    case curve_shape::daily:
      return "daily load";
    case curve_shape::warm_up:
      return "warm-up";
    case curve_shape::steps:
      return "steps";
    case curve_shape::mixed:
      return "all of these";
  }
  return "unknown";
}

/// A curve that is drawn from a seed.
class ageing_curve {
public:
  /// @param exhausted_after When the mean of the curve reaches the limit, in
  ///                        seconds; 0: nothing wears.
  ageing_curve(curve_shape shape, uint64_t seed, double exhausted_after = 0)
    : random_(seed) {
    auto has = [&](curve_shape x) {
      return shape == x || shape == curve_shape::mixed;
    };
    // Mixed curves stay in the room that there is.
    auto most = shape == curve_shape::mixed ? 0.1 : 0.25;
    base_ = draw(0.1, 0.4);
    deviation_ = draw(0.002, 0.03);
    memory_ = draw(0, 0.99);
    phase_ = draw(0, 1);
    if (has(curve_shape::saw_tooth)) {
      tooth_ = draw(0.02, most);
      period_ = draw_log(30, 3'600);
    }
    if (has(curve_shape::daily))
      daily_ = draw(0.05, most);
    if (has(curve_shape::warm_up)) {
      filling_ = draw(0.05, most);
      filled_ = draw_log(60, 4 * 3'600);
    }
    if (has(curve_shape::steps)) {
      step_ = draw(0.02, 0.08);
      step_pause_ = draw_log(600, 2 * 86'400);
      next_step_ = draw(0, 2) * step_pause_;
    }
    if (exhausted_after > 0)
      slope_ = (1 - base_ - filling_ - daily_ / 2) / exhausted_after;
  }

  /// Returns the sample at *t* seconds; to be asked in order.
  ageing_sample at(double t) {
    constexpr auto day = 86'400.0;
    ageing_sample x;
    x.load
      = 100 * (1 + 0.8 * std::sin(2 * std::numbers::pi * (t / day + phase_)));
    // Noise with a memory: what was high a moment ago still is.
    noise_
      = memory_ * noise_ + std::sqrt(1 - memory_ * memory_) * normal_(random_);
    if (step_pause_ > 0 && t >= next_step_) {
      level_ = draw(-1, 1) * step_;
      next_step_ = t + draw(0.2, 1.8) * step_pause_;
    }
    x.value = base_ + slope_ * t + deviation_ * noise_
              + tooth_ * std::fmod(t, period_) / period_ + daily_ * x.load / 180
              + filling_ * (1 - std::exp(-t / filled_)) + level_;
    return x;
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
  double base_ = 0;
  double slope_ = 0;
  double deviation_ = 0;
  double memory_ = 0;
  double noise_ = 0;
  double tooth_ = 0;
  double period_ = 1;
  double daily_ = 0;
  double phase_ = 0;
  double filling_ = 0;
  double filled_ = 1;
  double step_ = 0;
  double step_pause_ = 0;
  double next_step_ = 0;
  double level_ = 0;
};

/// Returns when growth is found in *x*, in seconds; less than 0: never until
/// *end*.
inline double find_growth(ageing_curve x, double end) {
  constexpr auto pause = 10.0;
  growth_finder finder;
  for (double t = 0; t < end; t += pause) {
    finder.add(growth_finder::seconds{t}, x.at(t));
    if (std::fmod(t, 60) < pause && finder.find(1))
      return t;
  }
  return -1;
}

} // namespace coppice::test

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/suspicion.hpp"

#include <algorithm>
#include <cmath>

namespace coppice {

namespace {

/// Weight of the newest sample.
constexpr float weight = 1.0F / 16;

/// A longer silence counts as so many intervals: one says little of the next.
constexpr float longest = 4;

float to_ms(suspicion::duration x) {
  return std::chrono::duration<float, std::milli>{x}.count();
}

} // namespace

suspicion::suspicion(duration interval)
  : interval_ms_(to_ms(interval)),
    mean_ms_(interval_ms_) {
  // nop
}

void suspicion::heard(duration silence) {
  auto sample = std::clamp(to_ms(silence), 0.0F, longest * interval_ms_);
  auto difference = sample - mean_ms_;
  auto step = weight * difference;
  mean_ms_ += step;
  variance_ = (1 - weight) * (variance_ + difference * step);
}

double suspicion::level(duration silence) const {
  double mean = std::max(mean_ms_, interval_ms_);
  double deviation = std::max(std::sqrt(variance_), interval_ms_ / 2);
  auto y = (to_ms(silence) - mean) / deviation;
  // Phi is -log10 of the tail of the normal distribution, here its logistic
  // approximation 1 / (1 + e^z), written so that nothing overflows.
  auto z = y * (1.5976 + 0.070566 * y * y);
  auto log_of_tail = z > 30 ? z : std::log1p(std::exp(z));
  return log_of_tail / std::log(10.0);
}

const char* describe_suspicion(double level) noexcept {
  if (level < 1)
    return "regular";
  if (level < 3)
    return "late";
  if (level < 8)
    return "very late";
  return "silent";
}

} // namespace coppice

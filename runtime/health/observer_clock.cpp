// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/observer_clock.hpp"

#include <algorithm>

namespace coppice {

observer_clock::observer_clock(const health_limits& limits, time_point now)
  : limits_(limits),
    ticked_(now),
    since_(limits.settling) {
  // nop
}

bool observer_clock::tick(time_point now) {
  auto passed = std::chrono::nanoseconds{now - ticked_};
  now_ = at(now);
  ticked_ = std::max(ticked_, now);
  is_late_ = passed > limits_.tick() + limits_.tolerance();
  if (passed < limits_.tick() + limits_.stall())
    return false;
  since_ = std::max(since_, now_);
  last_stall_ = passed;
  ++stalls_;
  return true;
}

observer_clock::awake_time observer_clock::at(time_point now) const {
  if (now <= ticked_)
    return now_;
  auto passed = std::chrono::nanoseconds{now - ticked_};
  return now_ + std::min(passed, limits_.tick() + limits_.tolerance());
}

} // namespace coppice

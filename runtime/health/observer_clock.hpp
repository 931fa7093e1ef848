// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/health/health_limits.hpp"

#include <chrono>
#include <cstdint>

namespace coppice {

/// The time in which an observer was awake.
///
/// Who does not run hears nobody, and must not take that for silence. So this
/// clock follows the caller's, but a tick that comes late by more than a
/// tolerance adds only that; and after a stall all silence is counted anew from
/// `since`, as it is when nodes have found a new observer. Pure: time is passed
/// in.
class observer_clock {
public:
  // -- member types -----------------------------------------------------------

  using time_point = std::chrono::steady_clock::time_point;

  /// Time awake, since the clock was made.
  using awake_time = std::chrono::nanoseconds;

  // -- constructors, destructors, and assignment operators --------------------

  /// Begins to observe *now*.
  observer_clock(const health_limits& limits, time_point now);

  // -- modifiers --------------------------------------------------------------

  /// Advances; to be called each `health_limits::tick`.
  /// @returns Whether the observer stood still: silence is counted anew.
  bool tick(time_point now);

  // -- properties -------------------------------------------------------------

  /// Returns the time awake at the caller's time *now*, which is not before the
  /// last tick; else that of the tick.
  awake_time at(time_point now) const;

  /// Returns the time from which silence counts. It may be to come.
  awake_time since() const {
    return since_;
  }

  /// Returns whether the last tick came later than the tolerance: messages that
  /// came meanwhile may wait behind it.
  bool is_late() const {
    return is_late_;
  }

  /// Returns how often the observer stood still.
  uint64_t stalls() const {
    return stalls_;
  }

  /// Returns how long the last stall was; zero if there was none.
  std::chrono::nanoseconds last_stall() const {
    return last_stall_;
  }

private:
  health_limits limits_;
  time_point ticked_;
  awake_time now_{0};
  awake_time since_;
  bool is_late_ = false;
  uint64_t stalls_ = 0;
  std::chrono::nanoseconds last_stall_{0};
};

} // namespace coppice

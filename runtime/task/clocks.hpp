// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <chrono>

namespace coppice {

/// The three clocks of a long task, as they apply to one of them. Zero means
/// that the clock is off, negative does not occur.
struct clocks {
  /// From the first lease to the end, over all attempts.
  std::chrono::milliseconds total{0};
  /// How long a worker may be silent. The lease is the lower bound: off means
  /// that the lease alone decides.
  std::chrono::milliseconds no_answer{0};
  /// How long progress may stand still while the worker answers.
  std::chrono::milliseconds stall{0};

  bool operator==(const clocks&) const = default;
};

} // namespace coppice

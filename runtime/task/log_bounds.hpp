// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/task/attempt_key.hpp"

#include <chrono>
#include <cstdint>
#include <vector>

namespace coppice {

/// How much output a worker keeps of attempts that have ended.
struct log_bounds {
  /// How long, from the end of the attempt.
  std::chrono::milliseconds keep{std::chrono::hours{7 * 24}};
  /// How much in all. The latest stays, whatever its size.
  uint64_t max_bytes = uint64_t{1} << 30;
};

/// The output of an attempt that has ended.
struct kept_log {
  attempt_key key;
  /// What it takes on the disk.
  uint64_t bytes = 0;
  /// When the attempt ended, Unix time in milliseconds.
  int64_t ended_ms = 0;

  friend bool operator==(const kept_log&, const kept_log&) = default;
};

/// Returns those of *xs* that are beyond *bounds*, the oldest first.
std::vector<kept_log> beyond_bounds(std::vector<kept_log> xs,
                                    const log_bounds& bounds, int64_t now_ms);

} // namespace coppice

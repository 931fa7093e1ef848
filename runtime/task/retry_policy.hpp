// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/task.pb.h"
#include "runtime/task/task_id.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coppice {

/// When a failed attempt is followed by another one: a `proto::RetryPolicy`
/// whose gaps are filled.
struct retry_rule {
  /// Attempts that may start, the first one included.
  uint32_t attempts = 3;
  /// Pause before the second attempt.
  std::chrono::milliseconds backoff{1'000};
  /// No pause is longer.
  std::chrono::milliseconds max_backoff{60'000};
  /// Error codes after which no further attempt makes sense.
  std::vector<std::string> final_errors;

  bool operator==(const retry_rule&) const = default;
};

/// What follows an attempt that failed.
struct retry_decision {
  /// Whether there is another attempt.
  bool again;
  /// The pause before it.
  std::chrono::milliseconds delay;
  /// If there is none: FINAL_ERROR or ATTEMPTS_EXHAUSTED.
  proto::Reason reason;

  bool operator==(const retry_decision&) const = default;
};

/// Returns the pause behind the attempt that counts as number *tries*: doubled
/// with each, capped, and shortened by up to a half so that tasks that failed
/// together do not come back together.
///
/// The jitter is a hash of *id* and *tries*, in integers: each replica computes
/// the same, on any machine and in any version.
/// @returns 0 for `tries == 0`: nothing has started, so nothing is spared.
std::chrono::milliseconds backoff(const retry_rule& rule, uint32_t tries,
                                  const task_id& id);

/// Decides what follows an attempt of *id* that failed.
/// @param tries Attempts that count, the failed one included if it started.
/// @param error_code `TaskError::code`; empty if there is none.
retry_decision decide_retry(const retry_rule& rule, uint32_t tries,
                            std::string_view error_code, const task_id& id);

} // namespace coppice

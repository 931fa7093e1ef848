// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/task/task_id.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace coppice {

/// Names one attempt of one task.
struct attempt_key {
  task_id task;
  /// Counted from 1.
  uint32_t attempt = 0;

  auto operator<=>(const attempt_key&) const = default;
};

} // namespace coppice

template <>
struct std::hash<coppice::attempt_key> {
  size_t operator()(const coppice::attempt_key& x) const noexcept {
    return std::hash<coppice::task_id>{}(x.task) + x.attempt;
  }
};

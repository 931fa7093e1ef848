// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/task/task_context.hpp"

#include <chrono>
#include <cstdint>

namespace coppice {

/// How often "checksum" saves a checkpoint: when either is reached.
struct checksum_limits {
  std::chrono::milliseconds interval{2'000};
  uint64_t bytes = uint64_t{64} << 20;
};

/// Runs an attempt of the kind "checksum", see `proto::ChecksumPayload`.
task_result checksum(task_context& context, const checksum_limits& limits = {});

/// Returns the kind "checksum".
task_kind checksum_kind();

} // namespace coppice

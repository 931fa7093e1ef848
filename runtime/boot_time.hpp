// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <time.h>

#include <chrono>

namespace coppice {

/// Returns the time since the machine was started: a clock that goes on while
/// the machine is suspended, as those of others do.
inline std::chrono::nanoseconds read_boot_time() {
  timespec x{};
  ::clock_gettime(CLOCK_BOOTTIME, &x);
  return std::chrono::seconds{x.tv_sec} + std::chrono::nanoseconds{x.tv_nsec};
}

} // namespace coppice

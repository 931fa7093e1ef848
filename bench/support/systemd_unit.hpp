// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace coppice::bench {

/// Waits for some time.
/// @returns False if the thread is to end, which is not waited for.
bool wait_for(const std::stop_token& stop, std::chrono::milliseconds time);

/// Runs a program as systemd does with Restart=always and RuntimeMaxSec=, and
/// with its defaults for everything else: SIGTERM, until it has ended, and a
/// new start 100 ms later.
class systemd_unit {
public:
  /// @param log Where it writes to.
  /// @param lives The time that one start has.
  systemd_unit(const std::vector<std::string>& argv,
               const std::filesystem::path& log,
               std::chrono::milliseconds lives);

  /// Returns how often it was ended to be started again.
  size_t restarts() const {
    return restarts_;
  }

private:
  std::atomic<size_t> restarts_ = 0;
  std::jthread thread_;
};

} // namespace coppice::bench

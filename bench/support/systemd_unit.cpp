// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "bench/support/systemd_unit.hpp"

#include "bench/support/web_servers.hpp"

#include <condition_variable>
#include <mutex>

namespace coppice::bench {

namespace {

using ms = std::chrono::milliseconds;

/// RestartSec=
constexpr ms restart_pause{100};

} // namespace

bool wait_for(const std::stop_token& stop, ms time) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock guard{mutex};
  changed.wait_for(guard, stop, time, [] { return false; });
  return !stop.stop_requested();
}

systemd_unit::systemd_unit(const std::vector<std::string>& argv,
                           const std::filesystem::path& log, ms lives)
  : thread_([=, this](const std::stop_token& stop) {
      for (;; ++restarts_) {
        {
          running_program program{argv, log};
          if (!wait_for(stop, lives))
            return;
        } // SIGTERM, and until it has ended.
        if (!wait_for(stop, restart_pause))
          return;
      }
    }) {
  // nop
}

} // namespace coppice::bench

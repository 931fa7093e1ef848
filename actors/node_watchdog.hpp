// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/log.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>

namespace coppice {

/// Ends the process if an orderly end takes too long: an actor that does not
/// stop must not keep the node from being started again.
class watchdog {
public:
  watchdog(std::chrono::milliseconds patience, int code)
    : thread_([this, patience, code] {
        std::unique_lock guard{mutex_};
        if (!changed_.wait_for(guard, patience, [this] { return done_; })) {
          log::error("the node did not stop in time and is ended");
          std::_Exit(code);
        }
      }) {}

  ~watchdog() {
    {
      std::lock_guard guard{mutex_};
      done_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  watchdog(const watchdog&) = delete;
  watchdog& operator=(const watchdog&) = delete;

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  std::thread thread_;
};

} // namespace coppice

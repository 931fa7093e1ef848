// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <utility>

namespace coppice {

/// Says until when this node may go on with what is exclusive, to whichever
/// threads do that: one that was frozen must not go on before somebody has
/// noticed.
class lease_end {
public:
  using time = std::chrono::nanoseconds;

  /// @param now A clock that goes on while the machine is suspended; called
  ///            from any thread.
  explicit lease_end(std::function<time()> now) : now_(std::move(now)) {}

  /// Takes note that nothing may go on at *x*.
  void set(time x) {
    at_ = x.count();
  }

  time at() const {
    return time{at_};
  }

  bool is_over() const {
    return now_().count() >= at_;
  }

private:
  std::function<time()> now_;
  std::atomic<int64_t> at_ = std::numeric_limits<int64_t>::max();
};

using lease_end_ptr = std::shared_ptr<const lease_end>;

} // namespace coppice

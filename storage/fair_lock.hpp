// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <mutex>
#include <shared_mutex>

namespace coppice {

/// A lock for one writer or many readers under which a writer that waits is not
/// overtaken by ever new readers, as it would be by `std::shared_mutex`.
///
/// A thread must not take it shared twice: a writer that came in between would
/// wait for ever.
class fair_lock {
public:
  /// Takes it alone.
  std::unique_lock<std::shared_mutex> alone() {
    std::unique_lock turn{gate_};
    return std::unique_lock{lock_};
  }

  /// Takes it with others.
  std::shared_lock<std::shared_mutex> shared() {
    std::unique_lock turn{gate_};
    return std::shared_lock{lock_};
  }

private:
  std::mutex gate_;

  std::shared_mutex lock_;
};

} // namespace coppice

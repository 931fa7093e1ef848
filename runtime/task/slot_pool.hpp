// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/task/slot_offer.hpp"

#include <cstdint>
#include <mutex>

namespace coppice {

/// The slots of a worker, which serves several shards with them. Each shard has
/// a part of the worker of its own (a user), and each user offers its share of
/// what is free to the leader of its shard. Two leaders may use the same offer
/// at the same time: who then finds no slot waits a moment for one, and gives
/// the task back.
///
/// May be used by several threads at once.
class slot_pool {
public:
  explicit slot_pool(uint32_t slots) : total_(slots), free_(slots) {}

  /// Counts one more user.
  void join() {
    std::lock_guard guard{mutex_};
    ++users_;
  }

  /// Counts one user less. What it had taken it has given back.
  void leave() {
    std::lock_guard guard{mutex_};
    --users_;
  }

  /// Takes *n* slots.
  /// @returns False if so many are not free; then it takes none.
  bool take(uint32_t n) {
    std::lock_guard guard{mutex_};
    if (free_ < n)
      return false;
    free_ -= n;
    return true;
  }

  void give_back(uint32_t n) {
    std::lock_guard guard{mutex_};
    free_ += n;
  }

  /// Returns what one user may offer: at least one slot while any is free, for
  /// the others may have no work.
  slot_offer share() const {
    std::lock_guard guard{mutex_};
    slot_offer out{total_};
    out.idle = free_;
    out.free = users_ < 2 ? free_ : (free_ + users_ - 1) / users_;
    return out;
  }

private:
  mutable std::mutex mutex_;
  uint32_t total_;
  uint32_t free_;
  uint32_t users_ = 0;
};

} // namespace coppice

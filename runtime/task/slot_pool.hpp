// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

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
  explicit slot_pool(uint32_t slots) : free_(slots) {}

  /// Counts one more user.
  void join() {
    std::lock_guard guard{mutex_};
    ++users_;
  }

  /// Takes a slot.
  /// @returns False if none is free.
  bool take() {
    std::lock_guard guard{mutex_};
    if (free_ == 0)
      return false;
    --free_;
    return true;
  }

  void give_back() {
    std::lock_guard guard{mutex_};
    ++free_;
  }

  /// Returns how many slots one user may offer: at least one while any is free,
  /// for the others may have no work.
  uint32_t share() const {
    std::lock_guard guard{mutex_};
    return users_ < 2 ? free_ : (free_ + users_ - 1) / users_;
  }

private:
  mutable std::mutex mutex_;
  uint32_t free_;
  uint32_t users_ = 0;
};

} // namespace coppice

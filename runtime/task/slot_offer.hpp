// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstdint>

namespace coppice {

/// What a worker has for the tasks of one shard.
struct slot_offer {
  slot_offer() = default;

  /// For a worker of which all slots are free, and for this shard.
  slot_offer(uint32_t n) : total(n), idle(n), free(n) {} // NOLINT

  /// Returns what is left of it when *n* slots more are taken.
  slot_offer less(uint32_t n) const {
    auto out = *this;
    out.idle = idle > n ? idle - n : 0;
    out.free = free > n ? free - n : 0;
    return out;
  }

  /// Returns whether a task that takes *weight* slots can have them now.
  bool fits(uint32_t weight) const {
    return free > 0 && idle >= weight;
  }

  bool operator==(const slot_offer&) const = default;

  /// All slots that it has.
  uint32_t total = 0;
  /// Those that are free.
  uint32_t idle = 0;
  /// This shard's share of the free ones. It bounds how many tasks the shard
  /// starts; a task that takes several slots takes them from all free ones.
  uint32_t free = 0;
};

} // namespace coppice

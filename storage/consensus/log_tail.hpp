// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "storage/consensus/log_entry.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace coppice {

/// The last entries of a log, in memory: what is not on the disk yet, and what
/// followers and the state machine will soon ask for.
class log_tail {
public:
  // -- constructors, destructors, and assignment operators --------------------

  /// An empty tail of a log that ends at *last*.
  explicit log_tail(uint64_t last = 0) : first_(last + 1) {
    // nop
  }

  // -- modifiers --------------------------------------------------------------

  /// Appends an entry as number `last() + 1`.
  void append(log_entry x);

  /// Drops the entries from *index* on; the log ends right before it then, even
  /// if the tail began later.
  void truncate(uint64_t index);

  /// Drops the oldest entries up to *index* while more than *max_bytes* of data
  /// are held.
  void shrink(uint64_t index, size_t max_bytes);

  // -- properties -------------------------------------------------------------

  /// Returns the index of the first entry held; all from here to `last()` are.
  uint64_t first() const noexcept {
    return first_;
  }

  /// Returns the end of the log.
  uint64_t last() const noexcept {
    return first_ + size() - 1;
  }

  /// Returns the entries in [*from*, *to*), valid until the next modifier.
  /// @pre `first() <= from && from <= to && to <= last() + 1`
  std::span<const log_entry> range(uint64_t from, uint64_t to) const {
    return std::span{entries_}.subspan(gone_ + (from - first_), to - from);
  }

private:
  size_t size() const noexcept {
    return entries_.size() - gone_;
  }

  uint64_t first_;

  /// One piece of memory, so that ranges can be handed out; the first *gone_*
  /// are empty.
  std::vector<log_entry> entries_;

  size_t gone_ = 0;

  size_t bytes_ = 0;
};

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/task/slot_offer.hpp"

#include <cstdint>
#include <deque>
#include <utility>

namespace coppice {

/// What more a worker may be given: what its last pull offered, less
/// what that pull had not seen yet.
///
/// Pulls carry absolute numbers, so one that is lost, late or repeated can do
/// no harm for longer than until the next one.
class worker_credit {
public:
  // -- modifiers --------------------------------------------------------------

  /// Takes note of a pull: *slots* after the assignments numbered *seen*.
  void pulled(const slot_offer& slots, uint64_t seen);

  /// Takes note that tasks which take *n* slots are sent to the worker.
  /// @returns The number of the assignment, counted from 1.
  uint64_t send(uint32_t n);

  // -- properties -------------------------------------------------------------

  /// Returns which slots are free as far as is known.
  slot_offer available() const;

private:
  slot_offer pulled_;
  uint32_t unseen_ = 0;
  uint64_t last_number_ = 0;

  /// Number and size of the assignments that no pull has seen yet.
  std::deque<std::pair<uint64_t, uint32_t>> sent_;
};

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/task/task_id.hpp"
#include "storage/table_view.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace coppice::state_machine {

/// What a restore knows.
struct restore_terms {
  /// The wall clock, Unix time in milliseconds. New numbers follow from it, for
  /// they must differ also from those that an earlier restore of the same
  /// backup has led to.
  int64_t now_ms = 0;
  /// Names this restore; drawn, not 0.
  uint64_t lineage = 0;
  /// The manager that begins the cluster anew, as member.
  uint64_t member = 0;
  /// How long a worker may go on with an exclusive attempt without its manager.
  std::chrono::milliseconds lease{0};
};

/// What a restore has found.
struct restore_counts {
  uint64_t tasks = 0;
  /// They have not ended.
  uint64_t unfinished = 0;
  /// They were leased when the backup was made.
  uint64_t interrupted = 0;
};

/// Makes the tables of a backup those of a cluster that begins anew. What
/// cannot be read is the failure of the view.
class restoration {
public:
  // -- constructors, destructors, and assignment operators --------------------

  explicit restoration(const restore_terms& terms) : terms_(terms) {
    // nop
  }

  // -- modifiers --------------------------------------------------------------

  /// First step: ends all leases, raises the numbers of tasks, forgets the
  /// managers.
  void begin(table_view& view);

  /// All further steps: raises the numbers of attempts, of *limit* tasks in
  /// each step, in the order of their ids.
  /// @returns whether there may be more tasks.
  bool go_on(table_view& view, size_t limit);

  // -- properties -------------------------------------------------------------

  const restore_counts& counts() const noexcept {
    return counts_;
  }

private:
  // -- member variables -------------------------------------------------------

  restore_terms terms_;

  restore_counts counts_;

  /// Between the last entry in the backup and the restore.
  int64_t gap_ms_ = 0;

  /// The last task that has been looked at.
  task_id last_;
};

} // namespace coppice::state_machine

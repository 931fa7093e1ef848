// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/task/task_id.hpp"
#include "storage/table_view.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace coppice {

/// How ended tasks that are due are looked for.
struct history_limits {
  /// How long a task is kept after its end.
  std::chrono::milliseconds keep{std::chrono::hours{7 * 24}};

  /// The most rows that one step looks at: readers must be short.
  size_t max_rows = 1'000;

  /// The most tasks that one step returns: what is removed in one command.
  size_t max_ids = 500;
};

/// What a step found.
struct history_step {
  /// Ended at least `keep` ago, in the order of their ids.
  std::vector<task_id> due;

  /// There is nothing behind it: the next step begins anew.
  bool finished = false;
};

/// Walks over the tasks of a shard, in steps, to find those that ended long
/// enough ago to be removed. Needs no index: ids of one binding of a product
/// are in the order in which they were submitted, and a task ends after that;
/// so from the first one on that was submitted too late, none can be due.
///
/// Old tasks that have not ended are passed over, in each walk again.
class history_walk {
public:
  // -- constructors, destructors, and assignment operators --------------------

  explicit history_walk(const history_limits& xs) : limits_(xs) {
    // nop
  }

  // -- modifiers --------------------------------------------------------------

  /// Goes on where the last step ended.
  /// @param now_ms State time, Unix time in milliseconds.
  history_step step(const table_view& view, int64_t now_ms);

  /// Begins anew with the next step.
  void restart() noexcept {
    after_ = {};
  }

private:
  // -- modifiers --------------------------------------------------------------

  /// Walks on until a task was submitted after *last_ms*, and passes over the
  /// rest of its binding then; or until a limit, or the end, is reached.
  /// @returns Whether there was a task.
  bool walk_on(const table_view& view, int64_t last_ms, size_t& rows,
               history_step& out);

  // -- member variables -------------------------------------------------------

  history_limits limits_;

  /// Where the last step ended.
  task_id after_;
};

/// Returns how long to wait after a walk before the next one: a small part of
/// what tasks are kept anyway.
std::chrono::milliseconds history_pause(std::chrono::milliseconds keep);

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/history_walk.hpp"

#include "runtime/task/task_state.hpp"
#include "storage/task_tables.hpp"

#include <algorithm>
#include <limits>

namespace coppice {

namespace {

constexpr auto min_pause = std::chrono::milliseconds{1'000};
constexpr auto max_pause = std::chrono::milliseconds{60'000};

/// Returns the place behind all tasks of the binding of *x*.
task_id end_of_binding(const task_id& x) {
  return {x.product, x.epoch, std::numeric_limits<uint64_t>::max()};
}

} // namespace

history_step history_walk::step(const table_view& view, int64_t now_ms) {
  history_step out;
  auto last_ms = now_ms - limits_.keep.count();
  size_t rows = 0;
  while (rows < limits_.max_rows && out.due.size() < limits_.max_ids) {
    if (walk_on(view, last_ms, rows, out))
      continue;
    restart();
    out.finished = true;
    break;
  }
  return out;
}

bool history_walk::walk_on(const table_view& view, int64_t last_ms,
                           size_t& rows, history_step& out) {
  auto found = false;
  auto begin = after_;
  for_each_task(
    view, begin, 0, [&](const task_id& id, const proto::TaskRow& row) {
      found = true;
      ++rows;
      if (row.submitted_ms() > last_ms) {
        after_ = end_of_binding(id);
        return false;
      }
      after_ = id;
      if (has_ended(row.state()) && row.changed_ms() <= last_ms)
        out.due.push_back(id);
      return rows < limits_.max_rows && out.due.size() < limits_.max_ids;
    });
  return found;
}

std::chrono::milliseconds history_pause(std::chrono::milliseconds keep) {
  return std::clamp(keep / 10, min_pause, max_pause);
}

} // namespace coppice

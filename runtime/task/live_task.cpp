// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/live_task.hpp"

namespace coppice {

void merge_live(const lease_book::held* held, proto::Task& x) {
  if (!held || x.state() != proto::LEASED)
    return;
  if (held->started)
    x.set_state(proto::RUNNING);
  if (held->progress.changed_ms() != 0)
    *x.mutable_progress() = held->progress;
  if (x.attempts_size() == 0)
    return;
  auto& last = *x.mutable_attempts(x.attempts_size() - 1);
  if (last.number() != x.attempt())
    return;
  last.set_started_ms(held->started_ms);
  last.set_outcome(x.state());
  *last.mutable_progress() = held->progress;
}

} // namespace coppice

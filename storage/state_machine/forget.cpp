// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/state_machine/commands.hpp"

namespace coppice::state_machine {

namespace {

/// Returns whether the task may be forgotten. Whoever proposed it looked at an
/// older state: people may have retried the task since.
bool is_due(context ctx, const task_id& id, int64_t keep_ms) {
  auto row = get_task(ctx.view, id);
  return row && has_ended(row->state())
         && ctx.now_ms - row->changed_ms() >= keep_ms;
}

} // namespace

void apply_forget(context ctx, const proto::ForgetCommand& command,
                  proto::ForgetOutcome& outcome) {
  for (auto& ref : command.ids()) {
    auto id = to_id(ref);
    if (command.keep_ms() < 0 || !is_due(ctx, id, command.keep_ms())) {
      outcome.set_kept(outcome.kept() + 1);
      continue;
    }
    erase_task(ctx.view, id);
    outcome.set_forgotten(outcome.forgotten() + 1);
  }
}

} // namespace coppice::state_machine

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The part of the TASK_TRACKER that has ended tasks removed.

#include "actors/replies.hpp"
#include "actors/task_tracker.hpp"
#include "runtime/log.hpp"
#include "storage/task_tables.hpp"

#include <algorithm>

namespace coppice {

namespace {

/// Pause before the next command while there is more to remove: enough to keep
/// up with what a manager accepts, and others have their turn in between.
constexpr auto sweep_pace = std::chrono::milliseconds{10};

} // namespace

void task_tracker_state::sweep() {
  if (!leading || forgetting || self->clock().now() < next_sweep)
    return;
  history_step found;
  auto read = store->read([&](const table_view& view, uint64_t) {
    // What the entry will have, or less: another manager's clock may have been
    // ahead of this one.
    found = walk.step(view, std::max(state_time_ms(view), wall_clock_ms()));
  });
  if (!read) {
    log::error("{} cannot read what is to be removed: {}", options.group,
               to_string(read.error()));
    return pause_sweep();
  }
  if (found.finished)
    pause_sweep();
  if (!found.due.empty())
    forget(found);
}

void task_tracker_state::forget(const history_step& found) {
  proto::Command command;
  auto& out = *command.mutable_forget();
  out.set_keep_ms(options.history.keep.count());
  for (auto& id : found.due)
    *out.add_ids() = to_ref(id);
  forgetting = true;
  propose(std::move(command),
          [this, more = !found.finished](proto::Outcome& outcome) {
            forgetting = false;
            if (outcome.has_error()) {
              // Refused, or the lead is lost: who leads then walks by himself.
              log::debug("{} could not remove ended tasks: {}", options.group,
                         outcome.error().message());
              walk.restart();
              return pause_sweep();
            }
            log::debug("{} removed {} tasks that ended long ago", options.group,
                       outcome.forget().forgotten());
            if (more)
              self->delayed_send(self, sweep_pace, atom::sweep::value);
          });
}

void task_tracker_state::pause_sweep() {
  next_sweep = self->clock().now() + history_pause(options.history.keep);
}

} // namespace coppice

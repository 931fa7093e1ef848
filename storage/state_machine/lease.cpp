// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/state_machine/commands.hpp"

namespace coppice::state_machine {

namespace {

void lease(context ctx, const proto::LeaseCommand::Item& item, uint32_t node,
           proto::LeaseOutcome::Item& out) {
  auto id = to_id(item.id());
  auto row = get_task(ctx.view, id);
  // Waiting and not in a pause: then, and only then, it is in the queue.
  if (!row || row->state() != proto::WAITING || row->due_ms() != 0
      || item.attempt() != last_number(*row) + 1)
    return;
  erase_queued(ctx.view, to_queued(id, *row));
  start_attempt(ctx, id, *row, node, item.incarnation());
  out.set_granted(true);
  out.set_first_leased_ms(row->first_leased_ms());
  // The first attempt of a task has nothing to go on from.
  if (row->attempt() > 1)
    if (auto head = get_checkpoint(ctx.view, id))
      *out.mutable_checkpoint() = std::move(*head);
}

} // namespace

void apply_lease(context ctx, const proto::LeaseCommand& command,
                 proto::LeaseOutcome& outcome) {
  node_memo nodes{ctx.view};
  outcome.mutable_items()->Reserve(command.items_size());
  for (auto& item : command.items()) {
    auto& out = *outcome.add_items();
    if (auto node = nodes.find(item.node(), item.incarnation()))
      lease(ctx, item, node, out);
  }
}

} // namespace coppice::state_machine

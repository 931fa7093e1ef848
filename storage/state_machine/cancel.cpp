// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/state_machine/commands.hpp"

namespace coppice::state_machine {

namespace {

void set_unknown(proto::Error& to, const task_id& id) {
  auto why = no_such_task(id);
  set_error(to, why.code, std::move(why.message));
}

void leave_waiting(context ctx, const task_id& id, const proto::TaskRow& row) {
  if (row.due_ms() != 0)
    erase_due(ctx.view, {row.due_ms(), id});
  else
    erase_queued(ctx.view, to_queued(id, row));
}

void mark(context ctx, const task_id& id, proto::TaskRow& row,
          proto::CancelOutcome::Item& out) {
  if (!row.cancel_requested()) {
    row.set_cancel_requested(true);
    row.set_changed_ms(ctx.now_ms);
    put_task(ctx.view, id, row);
  }
  if (auto node = get_node(ctx.view, row.node()))
    out.set_node(node->name());
  out.set_attempt(row.attempt());
  out.set_state(row.state());
}

void cancel(context ctx, const task_id& id, proto::CancelOutcome::Item& out) {
  auto row = get_task(ctx.view, id);
  if (!row)
    return set_unknown(*out.mutable_error(), id);
  if (row->state() == proto::LEASED)
    return mark(ctx, id, *row, out);
  out.set_state(row->state());
  if (row->state() != proto::WAITING)
    return set_error(*out.mutable_error(), ec::conflict,
                     "task " + to_string(id) + " " + state_verb(row->state())
                       + " already " + state_name(row->state()));
  leave_waiting(ctx, id, *row);
  row->set_state(proto::CANCELLED);
  row->set_reason(proto::CANCEL_REQUESTED);
  row->set_cancel_requested(true);
  row->set_due_ms(0);
  row->set_changed_ms(ctx.now_ms);
  put_task(ctx.view, id, *row);
  out.set_state(row->state());
}

void retry(context ctx, const task_id& id, proto::RetryOutcome::Item& out) {
  auto row = get_task(ctx.view, id);
  if (!row)
    return set_unknown(*out.mutable_error(), id);
  if (!has_ended(row->state()))
    return set_error(*out.mutable_error(), ec::conflict,
                     "task " + to_string(id) + " has not ended");
  if (row->state() == proto::SUCCEEDED)
    return set_error(*out.mutable_error(), ec::conflict,
                     "task " + to_string(id)
                       + " has already succeeded: submit it again instead");
  row->set_state(proto::WAITING);
  row->set_reason(proto::RETRY_REQUESTED);
  row->set_tries(0);
  row->set_first_leased_ms(0);
  row->set_due_ms(0);
  row->set_cancel_requested(false);
  row->set_changed_ms(ctx.now_ms);
  put_queued(ctx.view, to_queued(id, *row));
  put_task(ctx.view, id, *row);
  out.set_task_class(row->task_class());
}

void wake(context ctx, const task_id& id, proto::WakeOutcome::Item& out) {
  auto row = get_task(ctx.view, id);
  if (!row || row->state() != proto::WAITING || row->due_ms() == 0
      || row->due_ms() > ctx.now_ms)
    return;
  erase_due(ctx.view, {row->due_ms(), id});
  row->set_due_ms(0);
  put_queued(ctx.view, to_queued(id, *row));
  put_task(ctx.view, id, *row);
  out.set_queued(true);
  out.set_task_class(row->task_class());
}

} // namespace

void apply_cancel(context ctx, const proto::CancelCommand& command,
                  proto::CancelOutcome& outcome) {
  for (auto& id : command.ids())
    cancel(ctx, to_id(id), *outcome.add_items());
}

void apply_retry(context ctx, const proto::RetryCommand& command,
                 proto::RetryOutcome& outcome) {
  for (auto& id : command.ids())
    retry(ctx, to_id(id), *outcome.add_items());
}

void apply_wake(context ctx, const proto::WakeCommand& command,
                proto::WakeOutcome& outcome) {
  for (auto& id : command.ids())
    wake(ctx, to_id(id), *outcome.add_items());
}

} // namespace coppice::state_machine

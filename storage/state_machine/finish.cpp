// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/kind_table.hpp"
#include "runtime/task/retry_policy.hpp"
#include "runtime/utf8.hpp"
#include "storage/state_machine/commands.hpp"

#include <algorithm>

namespace coppice::state_machine {

namespace {

using item_type = proto::FinishCommand::Item;

/// Returns how the attempt ended. What an unknown number from a newer peer
/// means is not known, but that it ended without success is.
proto::TaskState outcome_of(const item_type& x) {
  return has_ended(x.outcome()) ? x.outcome() : proto::FAILED;
}

/// Returns why it ended; what a peer leaves out follows from the outcome.
proto::Reason reason_of(const item_type& x) {
  if (x.reason() != proto::REASON_UNSPECIFIED)
    return x.reason();
  switch (outcome_of(x)) {
    case proto::SUCCEEDED:
      return proto::COMPLETED;
    case proto::CANCELLED:
      return proto::CANCEL_REQUESTED;
    case proto::TIMED_OUT:
      return proto::TOTAL_TIMEOUT;
    default:
      return proto::ATTEMPT_FAILED;
  }
}

/// Returns whether a failed attempt uses up one that the retry policy allows.
bool counts(const item_type& x) {
  auto why = reason_of(x);
  return x.started() && why != proto::NODE_STOPPED
         && why != proto::NODE_DRAINED;
}

proto::Attempt to_attempt(context ctx, const proto::TaskRow& row,
                          const item_type& item, std::string_view node_name) {
  proto::Attempt x;
  x.set_number(row.attempt());
  x.set_node(std::string{node_name});
  x.set_incarnation(row.incarnation());
  x.set_leased_ms(row.leased_ms());
  x.set_started_ms(item.started_ms());
  x.set_ended_ms(ctx.now_ms);
  x.set_outcome(outcome_of(item));
  x.set_reason(reason_of(item));
  if (item.has_error()) {
    auto& error = *x.mutable_error();
    error.set_code(
      std::string{utf8_prefix(item.error().code(), max_code_bytes)});
    error.set_message(
      std::string{utf8_prefix(item.error().message(), max_message_bytes)});
  }
  x.set_exit_status(item.exit_status());
  x.set_result(std::string{utf8_prefix(item.result(), max_result_bytes)});
  if (item.has_progress())
    *x.mutable_progress() = bounded(item.progress());
  x.set_resumed_bytes(item.resumed_bytes());
  return x;
}

void end_task(proto::TaskRow& row, proto::TaskState state,
              proto::Reason reason) {
  row.set_state(state);
  row.set_reason(reason);
}

/// Makes the task wait for *pause*, which is nothing or more.
void wait_again(context ctx, const task_id& id, proto::TaskRow& row,
                std::chrono::milliseconds pause) {
  row.set_state(proto::WAITING);
  if (pause.count() <= 0)
    return put_queued(ctx.view, to_queued(id, row));
  row.set_due_ms(ctx.now_ms + pause.count());
  put_due(ctx.view, {row.due_ms(), id});
}

std::chrono::milliseconds uncounted_pause(const proto::TaskRow& row) {
  // It moves: its node is given nothing, so this does not turn in circles.
  if (row.reason() == proto::NODE_DRAINED)
    return {};
  auto uncounted
    = attempt_count(row) - std::min(row.tries(), attempt_count(row));
  auto pause = min_uncounted_pause;
  for (uint32_t i = 1; i < uncounted && pause < max_uncounted_pause; ++i)
    pause *= 2;
  return std::min(pause, max_uncounted_pause);
}

void follow_failure(context ctx, const task_id& id, proto::TaskRow& row,
                    const item_type& item) {
  if (row.cancel_requested())
    return end_task(row, proto::CANCELLED, proto::CANCEL_REQUESTED);
  row.set_reason(reason_of(item));
  if (!counts(item))
    return wait_again(ctx, id, row, uncounted_pause(row));
  row.set_tries(row.tries() + 1);
  // Only here is the spec decoded: failures are rare.
  auto spec = get_parsed_spec(ctx.view, id).value_or(proto::TaskSpec{});
  auto kind = get_kind(ctx.view, spec.kind()).value_or(proto::KindInfo{});
  auto next = decide_retry(effective_retry(spec, kind), row.tries(),
                           item.error().code(), id);
  if (next.again)
    wait_again(ctx, id, row, next.delay);
  else
    end_task(row, proto::FAILED, next.reason);
}

/// Erases what no later attempt can use: all checkpoints of a task that
/// succeeded, else chunks that were staged but never made current. After a
/// failure people may retry, and that goes on from the current one.
void sweep_checkpoints(context ctx, const task_id& id, bool succeeded) {
  auto head = get_checkpoint(ctx.view, id);
  if (succeeded && head) {
    erase_checkpoint(ctx.view, id);
    head.reset();
  }
  erase_chunks(ctx.view, id, [&](const checkpoint_name& x) {
    return !head || x != checkpoint_name{head->attempt(), head->version()};
  });
}

/// Judges a report on an attempt that is not the current one.
void refuse(context ctx, const task_id& id,
            const std::optional<proto::TaskRow>& row, const item_type& item,
            proto::FinishOutcome::Item& out) {
  if (row) {
    out.set_state(row->state());
    out.set_reason(row->reason());
    out.set_due_ms(row->due_ms());
    if (row->state() != proto::LEASED && row->attempt() == item.attempt()) {
      // A result that comes after somebody else has ended the attempt is no
      // repetition: it was not believed, and its sender must know.
      auto ended = get_attempt(ctx.view, id, item.attempt());
      if (ended && ended->outcome() == outcome_of(item)
          && ended->reason() == reason_of(item)
          && (item.reporter().empty() || item.reporter() == ended->node()))
        return out.set_repeated(true);
    }
  }
  out.set_fenced(true);
  if (!item.reporter().empty())
    count_fenced(ctx, item.reporter());
}

void finish(context ctx, const item_type& item,
            proto::FinishOutcome::Item& out) {
  auto id = to_id(item.id());
  auto row = get_task(ctx.view, id);
  if (!row || row->state() != proto::LEASED || row->attempt() != item.attempt())
    return refuse(ctx, id, row, item, out);
  if (item.reporter().empty()) {
    auto node = get_node(ctx.view, row->node());
    auto name = node ? node->name() : std::string{};
    return end_attempt(ctx, id, *row, item, name, out);
  }
  auto reporter = find_node(ctx.view, item.reporter());
  if (!reporter || reporter->number != row->node())
    return refuse(ctx, id, row, item, out);
  end_attempt(ctx, id, *row, item, item.reporter(), out);
}

} // namespace

void end_attempt(context ctx, const task_id& id, proto::TaskRow& row,
                 const proto::FinishCommand::Item& item,
                 std::string_view node_name, proto::FinishOutcome::Item& out) {
  put_attempt(ctx.view, id, to_attempt(ctx, row, item, node_name));
  erase_live(ctx.view, {row.node(), id, row.attempt()});
  row.set_changed_ms(ctx.now_ms);
  auto outcome = outcome_of(item);
  if (outcome == proto::FAILED) {
    follow_failure(ctx, id, row, item);
  } else {
    // Each of these started, or it would not have come so far.
    row.set_tries(row.tries() + 1);
    end_task(row, outcome, reason_of(item));
  }
  sweep_checkpoints(ctx, id, row.state() == proto::SUCCEEDED);
  put_task(ctx.view, id, row);
  out.set_state(row.state());
  out.set_reason(row.reason());
  out.set_due_ms(row.due_ms());
}

void apply_finish(context ctx, const proto::FinishCommand& command,
                  proto::FinishOutcome& outcome) {
  outcome.mutable_items()->Reserve(command.items_size());
  for (auto& item : command.items())
    finish(ctx, item, *outcome.add_items());
}

} // namespace coppice::state_machine

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/state_machine/state_machine.hpp"

#include "storage/state_machine/commands.hpp"
#include "storage/task_tables.hpp"

#include <algorithm>

namespace coppice::state_machine {

namespace {

/// The end of the year 9999. A clock that is wilder must not make the sums of
/// times and pauses overflow.
constexpr int64_t max_time_ms = 253'402'300'799'999;

void apply_command(context ctx, const proto::Command& command,
                   proto::Outcome& out) {
  switch (command.kind_case()) {
    case proto::Command::kSubmit:
      return apply_submit(ctx, command.submit(), *out.mutable_submit());
    case proto::Command::kLease:
      return apply_lease(ctx, command.lease(), *out.mutable_lease());
    case proto::Command::kFinish:
      return apply_finish(ctx, command.finish(), *out.mutable_finish());
    case proto::Command::kCancel:
      return apply_cancel(ctx, command.cancel(), *out.mutable_cancel());
    case proto::Command::kRetry:
      return apply_retry(ctx, command.retry(), *out.mutable_retry());
    case proto::Command::kWake:
      return apply_wake(ctx, command.wake(), *out.mutable_wake());
    case proto::Command::kCheckpoint:
      return apply_checkpoint(ctx, command.checkpoint(),
                              *out.mutable_checkpoint());
    case proto::Command::kRegister:
      return apply_register(ctx, command.register_(), *out.mutable_register_());
    case proto::Command::kManager:
      return apply_manager(ctx, command.manager(), *out.mutable_manager());
    case proto::Command::kForget:
      return apply_forget(ctx, command.forget(), *out.mutable_forget());
    case proto::Command::kProduct:
      return apply_product(ctx, command.product(), *out.mutable_product());
    case proto::Command::kShard:
      return apply_shard(ctx, command.shard(), *out.mutable_shard());
    case proto::Command::kNode:
      return apply_node(ctx, command.node(), *out.mutable_node());
    case proto::Command::kNote:
      return apply_note(ctx, command.note(), *out.mutable_note());
    case proto::Command::kToken:
      return apply_token(ctx, command.token(), *out.mutable_token());
    case proto::Command::kService:
      return apply_service(ctx, command.service(), *out.mutable_service());
    case proto::Command::kJournal:
      return apply_journal(ctx, command.journal(), *out.mutable_journal());
    case proto::Command::kRegeneration:
      return apply_regeneration(ctx, command.regeneration(),
                                *out.mutable_regeneration());
    case proto::Command::KIND_NOT_SET:
      return;
  }
}

} // namespace

std::vector<proto::Outcome> apply(table_view& view, uint64_t,
                                  const proto::Entry& entry) {
  auto before = state_time_ms(view);
  auto now = std::max(before, std::min(entry.wall_ms(), max_time_ms));
  if (now != before)
    put_state_time_ms(view, now);
  std::vector<proto::Outcome> outcomes(
    static_cast<size_t>(entry.commands_size()));
  for (size_t i = 0; i < outcomes.size(); ++i)
    apply_command({view, now}, entry.commands(static_cast<int>(i)),
                  outcomes[i]);
  return outcomes;
}

} // namespace coppice::state_machine

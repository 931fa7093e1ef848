// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The list of nodes, in the cluster group.

#include "runtime/health/node_message.hpp"
#include "runtime/health/node_rules.hpp"
#include "storage/node_list_rows.hpp"
#include "storage/state_machine/commands.hpp"

namespace coppice::state_machine {

namespace {

/// More than any node has to say of itself.
constexpr size_t max_card_bytes = size_t{64} << 10;

bool is_sane(const proto::NodeCommand& x) {
  return !x.node().empty() && x.node().size() <= max_node_bytes
         && x.incarnation() != 0 && x.registered().size() <= max_card_bytes;
}

down_cause to_cause(uint32_t x) {
  return x == static_cast<uint32_t>(down_cause::refused) ? down_cause::refused
                                                         : down_cause::silent;
}

/// Returns the row that follows, without version and time, or nothing.
std::optional<node_entry> next_row(const node_entry* row,
                                   const proto::NodeCommand& x) {
  worker_key start{x.node(), x.incarnation()};
  switch (x.change_case()) {
    case proto::NodeCommand::kRegistered:
      return registered(row, start, x.registered());
    case proto::NodeCommand::kLeft:
      return left(row, start);
    case proto::NodeCommand::kDown:
      return down(row, start, to_cause(x.down()));
    case proto::NodeCommand::kForgotten:
      return forgotten(row);
    case proto::NodeCommand::CHANGE_NOT_SET:
      break;
  }
  return std::nullopt;
}

} // namespace

void apply_node(context ctx, const proto::NodeCommand& command,
                proto::NodeOutcome& outcome) {
  if (!is_sane(command))
    return set_error(*outcome.mutable_error(), ec::invalid_argument,
                     "the node breaks a limit of name, incarnation or card");
  auto known = get_list_row(ctx.view, command.node());
  auto row = next_row(known ? &*known : nullptr, command);
  if (!row)
    return;
  auto head = get_node_list_head(ctx.view);
  // Epoch 0 is that of no list.
  if (head.version.epoch == 0)
    head.version.epoch = 1;
  ++head.version.counter;
  row->changed = head.version;
  row->changed_ms = ctx.now_ms;
  if (row->state == node_state::forgotten) {
    head.forgotten = head.version;
    erase_list_row(ctx.view, command.node());
  } else {
    put_list_row(ctx.view, *row);
  }
  put_node_list_head(ctx.view, head);
  *outcome.mutable_row() = to_message(*row);
}

} // namespace coppice::state_machine

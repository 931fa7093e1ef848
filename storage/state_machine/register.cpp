// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/state_machine/commands.hpp"

#include <algorithm>

namespace coppice::state_machine {

namespace {

/// More than any node has to say of itself.
constexpr size_t max_register_bytes = size_t{256} << 10;

bool is_sane(const proto::RegisterCommand& x) {
  return !x.node().empty() && x.node().size() <= max_node_bytes
         && x.incarnation() != 0 && x.ByteSizeLong() <= max_register_bytes
         && std::all_of(x.kinds().begin(), x.kinds().end(), [](auto& kind) {
              return !kind.name().empty()
                     && kind.name().size() <= max_kind_bytes;
            });
}

/// Ends what older incarnations of the node hold: that a new one lives proves
/// that they do not.
void release(context ctx, const proto::NodeRow& node,
             proto::RegisterOutcome& outcome) {
  proto::FinishCommand::Item item;
  item.set_outcome(proto::FAILED);
  item.set_reason(proto::NODE_GONE);
  item.mutable_error()->set_code("node_gone");
  item.mutable_error()->set_message("node '" + node.name()
                                    + "' has started again");
  item.set_started(true);
  for (auto& x : get_live(ctx.view, node.number())) {
    auto row = get_task(ctx.view, x.id);
    if (!row || row->state() != proto::LEASED)
      continue;
    set_id(*outcome.add_released(), x.id);
    end_attempt(ctx, x.id, *row, item, node.name(), *outcome.add_fates());
  }
}

/// Writes a kind, unless it is known in the same form: each reconnect of each
/// node repeats it.
void add_kind(context ctx, const proto::KindInfo& x) {
  auto known = get_kind(ctx.view, x.name());
  if (!known || known->SerializeAsString() != x.SerializeAsString())
    put_kind(ctx.view, x);
}

void describe_node(const proto::RegisterCommand& command,
                   proto::NodeRow& node) {
  node.set_incarnation(command.incarnation());
  *node.mutable_labels() = command.labels();
  node.set_slots(command.slots());
  node.clear_kinds();
  for (auto& kind : command.kinds())
    node.add_kinds(kind.name());
  node.set_host(command.host());
  node.set_pid(command.pid());
}

} // namespace

void apply_register(context ctx, const proto::RegisterCommand& command,
                    proto::RegisterOutcome& outcome) {
  if (!is_sane(command))
    return set_error(*outcome.mutable_error(), ec::invalid_argument,
                     "the node breaks a limit of name, incarnation or kinds");
  proto::NodeRow node;
  node.set_name(command.node());
  if (auto known = find_node(ctx.view, command.node())) {
    if (command.incarnation() < known->incarnation)
      return set_error(*outcome.mutable_error(), ec::conflict,
                       "a newer incarnation of node '" + command.node()
                         + "' is registered: "
                         + std::to_string(known->incarnation) + ", not "
                         + std::to_string(command.incarnation()));
    node = get_node(ctx.view, known->number).value_or(std::move(node));
  }
  if (node.incarnation() < command.incarnation()) {
    release(ctx, node, outcome);
    node.set_registered_ms(ctx.now_ms);
  }
  describe_node(command, node);
  put_node(ctx.view, std::move(node));
  for (auto& kind : command.kinds())
    add_kind(ctx, kind);
}

} // namespace coppice::state_machine

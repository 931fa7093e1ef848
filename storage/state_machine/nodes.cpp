// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The list of nodes, and what happened to them, in the cluster group.

#include "runtime/health/node_message.hpp"
#include "runtime/health/node_rules.hpp"
#include "storage/node_list_rows.hpp"
#include "storage/state_machine/commands.hpp"

namespace coppice::state_machine {

namespace {

/// More than any node has to say of itself.
constexpr size_t max_card_bytes = size_t{64} << 10;

constexpr size_t max_note_bytes = size_t{1} << 10;

/// So many events are kept.
constexpr uint64_t max_events = 10'000;

/// Returns whether *x* is about one start of the node.
bool names_start(const proto::NodeCommand& x) {
  switch (x.change_case()) {
    case proto::NodeCommand::kForgotten:
    case proto::NodeCommand::kDrainedUntilMs:
    case proto::NodeCommand::kReleased:
      return false;
    default:
      return true;
  }
}

bool is_sane(const proto::NodeCommand& x) {
  return !x.node().empty() && x.node().size() <= max_node_bytes
         && (x.incarnation() != 0 || !names_start(x))
         && x.registered().size() <= max_card_bytes
         && x.drained_until_ms() >= 0;
}

down_cause to_cause(uint32_t x) {
  return x == static_cast<uint32_t>(down_cause::refused) ? down_cause::refused
                                                         : down_cause::silent;
}

/// Returns the row that follows, without version and time, or nothing.
std::optional<node_entry>
next_row(const node_entry* row, const proto::NodeCommand& x, int64_t now_ms) {
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
    case proto::NodeCommand::kDrainedUntilMs:
      return drained(row, {now_ms, x.drained_until_ms()});
    case proto::NodeCommand::kReleased:
      return released(row);
    case proto::NodeCommand::CHANGE_NOT_SET:
      break;
  }
  return std::nullopt;
}

proto::Event::Kind to_kind(const proto::NodeCommand& x) {
  switch (x.change_case()) {
    case proto::NodeCommand::kRegistered:
      return proto::Event::REGISTERED;
    case proto::NodeCommand::kLeft:
      return proto::Event::LEFT;
    case proto::NodeCommand::kDown:
      return proto::Event::DOWN;
    case proto::NodeCommand::kForgotten:
      return proto::Event::FORGOTTEN;
    case proto::NodeCommand::kDrainedUntilMs:
      return proto::Event::DRAINED;
    case proto::NodeCommand::kReleased:
      return proto::Event::RELEASED;
    case proto::NodeCommand::CHANGE_NOT_SET:
      break;
  }
  return proto::Event::UNKNOWN;
}

/// Keeps the event, and forgets the oldest one.
void add_event(context ctx, node_list_head& head, proto::Event x) {
  x.set_number(++head.last_event);
  x.set_at_ms(ctx.now_ms);
  put_event(ctx.view, x);
  if (head.last_event > max_events)
    erase_event(ctx.view, head.last_event - max_events);
}

} // namespace

void write_event(context ctx, proto::Event event) {
  auto head = get_node_list_head(ctx.view);
  add_event(ctx, head, std::move(event));
  put_node_list_head(ctx.view, head);
}

node_entry write_node(context ctx, node_entry row,
                      std::optional<proto::Event> event) {
  auto head = get_node_list_head(ctx.view);
  // Epoch 0 is that of no list.
  if (head.version.epoch == 0)
    head.version.epoch = 1;
  ++head.version.counter;
  row.changed = head.version;
  row.changed_ms = ctx.now_ms;
  if (row.state == node_state::forgotten) {
    head.forgotten = head.version;
    erase_list_row(ctx.view, row.start.node);
  } else {
    put_list_row(ctx.view, row);
  }
  if (event)
    add_event(ctx, head, std::move(*event));
  put_node_list_head(ctx.view, head);
  return row;
}

void apply_note(context ctx, const proto::NoteCommand& command,
                proto::NoteOutcome& outcome) {
  if (command.text().empty() || command.text().size() > max_note_bytes)
    return set_error(*outcome.mutable_error(), ec::invalid_argument,
                     "the text of an event has 1 to "
                       + std::to_string(max_note_bytes) + " bytes");
  proto::Event event;
  event.set_kind(proto::Event::NOTE);
  event.set_text(command.text());
  write_event(ctx, std::move(event));
}

void apply_node(context ctx, const proto::NodeCommand& command,
                proto::NodeOutcome& outcome) {
  if (!is_sane(command))
    return set_error(*outcome.mutable_error(), ec::invalid_argument,
                     "the node breaks a limit of name, incarnation or card");
  auto known = get_list_row(ctx.view, command.node());
  auto row = next_row(known ? &*known : nullptr, command, ctx.now_ms);
  if (!row)
    return;
  proto::Event event;
  event.set_kind(to_kind(command));
  event.set_node(command.node());
  event.set_incarnation(row->start.incarnation);
  event.set_cause(static_cast<uint32_t>(row->cause));
  *outcome.mutable_row()
    = to_message(write_node(ctx, std::move(*row), std::move(event)));
}

} // namespace coppice::state_machine

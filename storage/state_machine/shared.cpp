// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/utf8.hpp"
#include "storage/state_machine/commands.hpp"

namespace coppice::state_machine {

namespace {

constexpr size_t max_progress_message_bytes = size_t{1} << 10;
constexpr size_t max_progress_bytes = size_t{16} << 10;

} // namespace

uint32_t node_memo::find(std::string_view name, uint64_t incarnation) {
  if (name.empty())
    return 0;
  if (name_ != name) {
    name_ = name;
    found_ = find_node(view_, name);
  }
  return found_ && found_->incarnation == incarnation ? found_->number : 0;
}

void start_attempt(context ctx, const task_id& id, proto::TaskRow& row,
                   uint32_t node, uint64_t incarnation) {
  row.set_state(proto::LEASED);
  row.set_attempt(last_number(row) + 1);
  row.set_changed_ms(ctx.now_ms);
  row.set_leased_ms(ctx.now_ms);
  if (row.first_leased_ms() == 0)
    row.set_first_leased_ms(ctx.now_ms);
  row.set_node(node);
  row.set_incarnation(incarnation);
  put_live(ctx.view, {node, id, row.attempt()});
  put_task(ctx.view, id, row);
}

queued_task to_queued(const task_id& id, const proto::TaskRow& row) {
  return {id, row.task_class(), row.priority(), last_number(row)};
}

void count_fenced(context ctx, std::string_view node_name) {
  auto found = find_node(ctx.view, node_name);
  if (!found)
    return;
  auto row = get_node(ctx.view, found->number);
  if (!row)
    return;
  row->set_fenced(row->fenced() + 1);
  put_node(ctx.view, std::move(*row));
}

task_id to_id(const proto::TaskRef& x) {
  return {x.product(), x.epoch(), x.sequence()};
}

void set_id(proto::TaskRef& to, const task_id& x) {
  to.set_product(x.product);
  to.set_epoch(x.epoch);
  to.set_sequence(x.sequence);
}

void set_error(proto::Error& to, ec code, std::string message) {
  to.set_code(static_cast<uint32_t>(code));
  to.set_message(std::move(message));
}

proto::Progress bounded(const proto::Progress& x) {
  auto out = x;
  auto message = utf8_prefix(x.message(), max_progress_message_bytes);
  if (message.size() < x.message().size())
    out.set_message(std::string{message});
  if (out.ByteSizeLong() > max_progress_bytes)
    out.clear_stages();
  return out;
}

} // namespace coppice::state_machine

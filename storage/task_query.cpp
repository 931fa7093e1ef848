// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/task_query.hpp"

#include "runtime/task/kind_table.hpp"
#include "runtime/task/request_rules.hpp"
#include "storage/task_tables.hpp"

#include <algorithm>
#include <utility>

namespace coppice {

namespace {

/// The most rows that one list looks at: readers must be short.
constexpr size_t max_rows = 5'000;

/// Describes the attempt that a lease started and that has not ended.
proto::Attempt open_attempt(const table_view& view, const proto::TaskRow& row) {
  proto::Attempt x;
  x.set_number(row.attempt());
  if (auto node = get_node(view, row.node()))
    x.set_node(node->name());
  x.set_incarnation(row.incarnation());
  x.set_leased_ms(row.leased_ms());
  x.set_outcome(proto::LEASED);
  return x;
}

void copy_row(const proto::TaskRow& row, proto::Task& out) {
  out.set_state(row.state());
  out.set_reason(row.reason());
  out.set_attempt(row.attempt());
  out.set_tries(row.tries());
  out.set_submitted_ms(row.submitted_ms());
  out.set_changed_ms(row.changed_ms());
  out.set_due_ms(row.due_ms());
  out.set_cancel_requested(row.cancel_requested());
}

/// Adds what the latest attempt came to, or where it runs.
void add_latest(const table_view& view, const task_id& id,
                const proto::TaskRow& row, proto::Task& out) {
  if (row.attempt() == 0)
    return;
  // What the next attempt begins with, or the current one began with.
  auto goes_on = row.state() == proto::LEASED || row.state() == proto::WAITING;
  if (auto head = goes_on ? get_checkpoint(view, id) : std::nullopt)
    *out.mutable_progress() = head->progress();
  if (row.state() == proto::LEASED) {
    if (auto node = get_node(view, row.node()))
      out.set_node(node->name());
    return;
  }
  auto last = get_attempt(view, id, row.attempt());
  if (!last)
    return;
  if (!goes_on)
    *out.mutable_progress() = last->progress();
  if (last->has_error())
    *out.mutable_error() = last->error();
  out.set_exit_status(last->exit_status());
  out.set_result(last->result());
}

proto::Task assemble(const table_view& view, const task_id& id,
                     const proto::TaskRow& row) {
  proto::Task out;
  out.set_id(to_string(id));
  if (auto product = get_product(view, id.product))
    out.set_product(product->name());
  if (auto task_class = get_class(view, row.task_class()))
    out.set_kind(task_class->kind());
  copy_row(row, out);
  add_latest(view, id, row, out);
  return out;
}

bool selected(const proto::ListRequest& what, const proto::Task& x) {
  auto& states = what.states();
  return states.empty()
         || std::find(states.begin(), states.end(), x.state()) != states.end();
}

lease_view to_lease(const table_view& view, const live_attempt& x) {
  lease_view out;
  out.task = x.id;
  out.attempt = x.attempt;
  if (auto node = get_node(view, x.node))
    out.worker.node = node->name();
  if (auto row = get_task(view, x.id)) {
    out.worker.incarnation = row->incarnation();
    out.first_leased_ms = row->first_leased_ms();
    out.cancel_requested = row->cancel_requested();
  }
  if (auto spec = get_parsed_spec(view, x.id)) {
    auto built_in = built_in_kinds();
    auto* known = built_in.find(spec->kind());
    auto registered = get_kind(view, spec->kind());
    if (registered || known)
      out.limits = effective_clocks(*spec, registered ? *registered : *known);
  }
  return out;
}

} // namespace

result<proto::Task> read_task(const table_view& view, const task_id& id,
                              bool full) {
  auto row = get_task(view, id);
  if (!row)
    return no_such_task(id);
  auto out = assemble(view, id, *row);
  if (!full)
    return out;
  if (auto spec = get_parsed_spec(view, id))
    *out.mutable_spec() = std::move(*spec);
  for (auto& attempt : get_attempts(view, id))
    *out.add_attempts() = std::move(attempt);
  if (row->state() == proto::LEASED)
    *out.add_attempts() = open_attempt(view, *row);
  return out;
}

void list_tasks(const table_view& view, const proto::ListRequest& what,
                const task_id& after, const task_amendment& amend,
                proto::ListReply& out) {
  uint32_t product = 0;
  if (!what.product().empty()) {
    auto number = find_product(view, what.product());
    if (!number)
      return;
    product = *number;
  }
  auto limit = page_limit(what);
  size_t rows = 0;
  for_each_task(
    view, after, product, [&](const task_id& id, const proto::TaskRow& row) {
      auto task = assemble(view, id, row);
      amend(id, task);
      if (selected(what, task))
        *out.add_tasks() = std::move(task);
      auto full = ++rows == max_rows
                  || static_cast<uint32_t>(out.tasks_size()) == limit;
      if (full)
        out.set_next(to_string(id));
      return !full;
    });
}

std::vector<lease_view> get_leases(const table_view& view) {
  std::vector<lease_view> out;
  for (auto& x : get_all_live(view))
    out.push_back(to_lease(view, x));
  return out;
}

std::vector<lease_view> get_leases_of(const table_view& view,
                                      std::string_view node) {
  std::vector<lease_view> out;
  if (auto found = find_node(view, node))
    for (auto& x : get_live(view, found->number))
      out.push_back(to_lease(view, x));
  return out;
}

result<std::pair<uint32_t, std::string>>
locate_attempt(const table_view& view, const task_id& id, uint32_t attempt) {
  auto row = get_task(view, id);
  if (!row)
    return no_such_task(id);
  auto number = attempt == 0 ? row->attempt() : attempt;
  if (number == 0)
    return error{ec::not_found,
                 "task " + to_string(id) + " has not been tried yet"};
  if (number == row->attempt() && row->state() == proto::LEASED) {
    if (auto node = get_node(view, row->node()))
      return std::pair{number, node->name()};
  }
  if (auto ended = get_attempt(view, id, number))
    return std::pair{number, ended->node()};
  return error{ec::not_found, "task " + to_string(id) + " has no attempt "
                                + std::to_string(number)};
}

std::vector<proto::Attempt> attempts_before(const table_view& view,
                                            const task_id& id, uint32_t attempt,
                                            size_t limit) {
  std::vector<proto::Attempt> out;
  while (attempt > 1 && out.size() < limit) {
    auto ended = get_attempt(view, id, --attempt);
    if (!ended)
      break;
    out.push_back(std::move(*ended));
  }
  return out;
}

bool is_exclusive(const table_view& view, const task_id& id) {
  auto row = get_task(view, id);
  auto task_class = row ? get_class(view, row->task_class()) : std::nullopt;
  auto kind = task_class ? get_kind(view, task_class->kind()) : std::nullopt;
  return kind && kind->exclusive();
}

void describe_node(const proto::NodeRow& row, proto::Node& out) {
  out.set_name(row.name());
  out.set_incarnation(row.incarnation());
  out.set_slots(row.slots());
  *out.mutable_kinds() = row.kinds();
  *out.mutable_labels() = row.labels();
  out.set_host(row.host());
  out.set_pid(row.pid());
  out.set_registered_ms(row.registered_ms());
  out.set_fenced(row.fenced());
}

} // namespace coppice

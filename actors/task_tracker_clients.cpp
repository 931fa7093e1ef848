// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The part of the TASK_TRACKER that answers clients.

#include "actors/replies.hpp"
#include "actors/task_reads.hpp"
#include "actors/task_tracker.hpp"
#include "runtime/task/explain.hpp"
#include "runtime/task/lease_rules.hpp"
#include "runtime/task/live_task.hpp"
#include "storage/task_tables.hpp"

#include <utility>

namespace coppice {

namespace {

void add_refs(google::protobuf::RepeatedPtrField<proto::TaskRef>& out,
              const std::vector<task_id>& ids) {
  for (auto& id : ids)
    *out.Add() = to_ref(id);
}

/// Writes to *out* what was said of each of *ids*, and calls *f* with the id,
/// what was said of it, and its item in *out*.
void answer_items(const std::vector<task_id>& ids, const auto& said, auto& out,
                  auto f) {
  for (auto i = 0; i < said.size(); ++i) {
    auto& id = ids[static_cast<size_t>(i)];
    auto& item = *out.Add();
    item.set_id(to_string(id));
    if (said[i].has_error())
      *item.mutable_error() = said[i].error();
    f(id, said[i], item);
  }
}

} // namespace

caf::result<proto::Reply> task_tracker_state::on_request(proto::Request& x) {
  switch (x.kind_case()) {
    case proto::Request::kList:
      return list_reply(*store, x.list(), live_amendment());
    case proto::Request::kGet:
      return get_reply(*store, x.get(), live_amendment());
    case proto::Request::kNodes:
      return nodes();
    case proto::Request::kCancel:
      return cancel(x.cancel());
    case proto::Request::kRetry:
      return retry(x.retry());
    case proto::Request::kExplain:
      return explain(x.explain());
    case proto::Request::kLog:
      return read_log(*x.mutable_log());
    default:
      return refusal(ec::protocol_violation,
                     "this version of Coppice does not know this request");
  }
}

// -- reads --------------------------------------------------------------------

task_amendment task_tracker_state::live_amendment() const {
  return [this](const task_id& id, proto::Task& task) {
    merge_live(book.find({id, task.attempt()}), task);
  };
}

proto::Reply task_tracker_state::explain(const proto::ExplainRequest& x) {
  auto id = parse_task_id(x.id());
  if (!id)
    return refusal(id.error());
  return read_tables(
    *store, [&](const table_view& view, proto::Reply& reply) -> result<> {
      auto task = read_task(view, id.value(), false);
      if (!task)
        return task.error();
      auto& out = *reply.mutable_explain();
      merge_live(book.find({id.value(), task.value().attempt()}), task.value());
      for (auto& line : explain_state(task.value(), wall_clock_ms()))
        out.add_lines(std::move(line));
      *out.mutable_task() = std::move(task.value());
      return ok();
    });
}

proto::Reply task_tracker_state::nodes() {
  return read_tables(*store, [&](const table_view& view, proto::Reply& reply) {
    for (auto& row : get_nodes(view)) {
      auto leased = book.count({row.name(), row.incarnation()});
      auto* w = find_worker(row.name(), row.incarnation());
      // A scheduling client that is gone is nobody's loss.
      if (client_of(row.name()) && leased == 0 && !(w && w->connected))
        continue;
      auto& out = *reply.mutable_nodes()->add_nodes();
      describe_node(row, out);
      out.set_leased(static_cast<uint32_t>(leased));
      if (w) {
        out.set_connected(w->connected);
        out.set_heard_ms(w->heard_ms);
      }
    }
    return ok();
  });
}

caf::result<proto::Reply> task_tracker_state::read_log(proto::LogRequest& x) {
  auto id = parse_task_id(x.id());
  if (!id)
    return refusal(id.error());
  std::string node;
  auto found = read_tables(
    *store, [&](const table_view& view, proto::Reply&) -> result<> {
      auto where = locate_attempt(view, id.value(), x.attempt());
      if (!where)
        return where.error();
      x.set_attempt(where.value().first);
      node = where.value().second;
      return ok();
    });
  if (found.has_error())
    return found;
  auto w = workers.find(node);
  if (w == workers.end() || !w->second.connected)
    return refusal(ec::unreachable,
                   "the output of attempt " + std::to_string(x.attempt())
                     + " lies on node " + node + ", which is not connected");
  auto promise = self->make_response_promise<proto::Reply>();
  self->request(w->second.handle, options.log_timeout, std::move(x))
    .then(
      [promise](proto::Reply& reply) mutable {
        promise.deliver(std::move(reply));
      },
      [promise, node](caf::error&) mutable {
        promise.deliver(refusal(ec::deadline_exceeded,
                                "node " + node + " did not answer in time"));
      });
  return promise;
}

// -- changes ------------------------------------------------------------------

caf::result<proto::Reply> task_tracker_state::change(proto::Command x,
                                                     change_reader f) {
  auto promise = self->make_response_promise<proto::Reply>();
  propose(std::move(x),
          [f = std::move(f), promise](proto::Outcome& outcome) mutable {
            proto::Reply reply;
            if (outcome.has_error())
              *reply.mutable_error() = outcome.error();
            else
              f(outcome, reply);
            promise.deliver(std::move(reply));
          });
  return promise;
}

caf::result<proto::Reply>
task_tracker_state::cancel(const proto::CancelRequest& x) {
  auto ids = parse_ids(x.ids());
  if (!ids)
    return refusal(ids.error());
  auto stop = [this](const task_id& id, const auto& said, auto& item) {
    item.set_state(said.state());
    if (said.state() != proto::LEASED)
      return;
    attempt_key key{id, said.attempt()};
    book.stopping(key, proto::CANCEL_REQUESTED, self->clock().now());
    if (auto* held = book.find(key))
      stop_attempt(held->worker, key, proto::CANCEL_REQUESTED);
  };
  proto::Command command;
  add_refs(*command.mutable_cancel()->mutable_ids(), ids.value());
  return change(
    std::move(command),
    [stop, ids = ids.value()](proto::Outcome& outcome, proto::Reply& reply) {
      answer_items(ids, outcome.cancel().items(),
                   *reply.mutable_cancel()->mutable_items(), stop);
    });
}

caf::result<proto::Reply>
task_tracker_state::retry(const proto::RetryRequest& x) {
  auto ids = parse_ids(x.ids());
  if (!ids)
    return refusal(ids.error());
  proto::Command command;
  add_refs(*command.mutable_retry()->mutable_ids(), ids.value());
  return change(
    std::move(command),
    [this, ids = ids.value()](proto::Outcome& outcome, proto::Reply& reply) {
      std::vector<ready_queue> ready;
      answer_items(ids, outcome.retry().items(),
                   *reply.mutable_retry()->mutable_items(),
                   [&](const task_id& id, const auto& said, auto&) {
                     if (!said.has_error())
                       ready.push_back({id.product, said.task_class()});
                   });
      mark_ready(ready);
    });
}

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The part of the SCHEDULING_CLIENT that takes news of leases and passes them
// on.

#include "actors/replies.hpp"
#include "actors/scheduling_client.hpp"
#include "runtime/log.hpp"
#include "runtime/task/attempt_ref.hpp"
#include "runtime/task/explain.hpp"
#include "runtime/task/lease_rules.hpp"
#include "storage/task_tables.hpp"

#include <algorithm>
#include <utility>

namespace coppice {

namespace {

std::string attempt_text(const attempt_key& x) {
  return "attempt " + std::to_string(x.attempt) + " of task "
         + to_string(x.task);
}

} // namespace

// -- news ---------------------------------------------------------------------

void scheduling_client_state::take_news(proto::ClientLeaseRequest x,
                                        reply_promise promise) {
  auto id = parse_lease_id(x.lease());
  if (!id)
    return deliver(promise, refusal(id.error()));
  auto& key = id.value();
  auto* held = book.find(key);
  // What is leased to the client is known when it is welcome.
  if (!held && state != phase::connected)
    return unheard.push_back({std::move(x), std::move(promise)});
  if (x.has_finish())
    return take_finish(key, x.finish(), std::move(promise));
  if (!held || held->end)
    return deliver(
      promise,
      answer_of_ended(*store, key, proto::TASK_STATE_UNSPECIFIED, node()));
  book.heard(key, self->clock().now());
  book.progress(key,
                std::move(x.has_checkpoint()
                            ? *x.mutable_checkpoint()->mutable_progress()
                            : *x.mutable_progress()),
                wall_clock_ms());
  if (x.has_checkpoint())
    return take_checkpoint(key,
                           std::move(*x.mutable_checkpoint()->mutable_data()),
                           std::move(promise));
  waiting.push_back({key, proto::TASK_STATE_UNSPECIFIED, std::move(promise)});
  send_report();
}

void scheduling_client_state::take_finish(const attempt_key& key,
                                          const proto::FinishLease& x,
                                          reply_promise promise) {
  auto* held = book.find(key);
  if (!held)
    return deliver(promise, answer_of_ended(*store, key, x.outcome(), node()));
  // A second one is judged by what has become of the first.
  if (!held->end)
    book.finish(key, end_of_lease(key, x, held->stop));
  waiting.push_back({key, x.outcome(), std::move(promise)});
  send_report();
}

// -- checkpoints --------------------------------------------------------------

void scheduling_client_state::take_checkpoint(const attempt_key& key,
                                              std::string bytes,
                                              reply_promise promise) {
  if (uploads.count(key) > 0)
    return deliver(promise, refusal(ec::overloaded,
                                    "another checkpoint of " + attempt_text(key)
                                      + " is being saved; ask again"));
  auto& held = *book.find(key);
  auto read = store->read([&](const table_view& view, uint64_t) {
    auto head = get_checkpoint(view, key.task);
    if (head && head->attempt() == key.attempt)
      held.checkpoints = std::max(held.checkpoints, head->version());
  });
  if (!read)
    return deliver(promise, refusal(read.error()));
  uploads.emplace(key,
                  upload{checkpoint_upload{key, ++held.checkpoints,
                                           std::move(bytes), held.progress},
                         std::move(promise)});
  send_chunk(key);
}

void scheduling_client_state::send_chunk(const attempt_key& key) {
  proto::SaveCheckpoint x;
  x.set_node(node());
  *x.mutable_chunk() = uploads.at(key).chunks.chunk();
  // No deadline: who answers is of the same leader and ends with it.
  self->request(contacts.tracker, caf::infinite, std::move(x))
    .then(
      [this, key](const proto::CheckpointOutcome& outcome) {
        on_chunk_saved(key, outcome);
      },
      [this, key](const caf::error& err) {
        proto::CheckpointOutcome lost;
        *lost.mutable_error() = unknown_outcome(err);
        on_chunk_saved(key, lost);
      });
}

void scheduling_client_state::on_chunk_saved(
  const attempt_key& key, const proto::CheckpointOutcome& x) {
  auto i = uploads.find(key);
  if (i == uploads.end())
    return;
  if (!x.has_error() && !i->second.chunks.stored())
    return send_chunk(key);
  auto done = std::move(uploads.extract(i).mapped());
  auto reply = state_of(key);
  if (x.has_error())
    *reply.mutable_error() = x.error();
  done.promise.deliver(std::move(reply));
}

// -- reports ------------------------------------------------------------------

void scheduling_client_state::send_report() {
  // Not while it registers: the welcome sends one.
  if (state != phase::connected)
    return;
  report_again = reporting;
  if (std::exchange(reporting, true))
    return;
  proto::Report x;
  x.set_node(node());
  x.set_incarnation(1);
  x.set_number(++reports);
  std::vector<attempt_key> ended;
  for (auto& [key, held] : book.all())
    if (held.end) {
      *x.add_finishes() = *held.end;
      ended.push_back(key);
    } else {
      auto& news = *x.add_attempts();
      assign_ref(*news.mutable_ref(), key);
      news.set_started_ms(held.started_ms);
      if (held.progress.changed_ms() != 0)
        *news.mutable_progress() = held.progress;
    }
  reported = std::exchange(waiting, {});
  reported_at = self->clock().now();
  // No deadline: who answers is of the same leader and ends with it.
  self->request(contacts.tracker, caf::infinite, std::move(x))
    .then([this, ended](const proto::ReportAck& ack) { on_ack(ended, ack); },
          [this, ended](const caf::error& err) {
            proto::ReportAck lost;
            *lost.mutable_error() = unknown_outcome(err);
            on_ack(ended, lost);
          });
}

void scheduling_client_state::send_keepalive() {
  if (state != phase::connected)
    return;
  proto::Report x;
  x.set_node(node());
  x.set_incarnation(1);
  reported_at = self->clock().now();
  // What it says of the lead, the report says that it waits for.
  self->request(contacts.tracker, caf::infinite, std::move(x))
    .then([](const proto::ReportAck&) {}, [](const caf::error&) {});
}

void scheduling_client_state::on_ack(const std::vector<attempt_key>& ended,
                                     const proto::ReportAck& x) {
  reporting = false;
  auto answered = std::exchange(reported, {});
  if (x.has_error()) {
    // Nobody knows whether it happened: said again, it is answered.
    proto::Reply refused;
    *refused.mutable_error() = x.error();
    for (auto& news : answered)
      news.promise.deliver(refused);
    return lose(x.error());
  }
  for (auto& key : ended)
    book.erase(key);
  for (auto& news : answered)
    news.promise.deliver(
      news.said == proto::TASK_STATE_UNSPECIFIED
        ? state_of(news.key)
        : answer_of_ended(*store, news.key, news.said, node()));
  if (!ended.empty())
    send_pull(); // There may be room again.
  if (report_again || !waiting.empty())
    send_report();
}

proto::Reply scheduling_client_state::state_of(const attempt_key& key) const {
  auto* held = book.find(key);
  if (!held || held->end)
    return answer_of_ended(*store, key, proto::TASK_STATE_UNSPECIFIED, node());
  proto::Reply reply;
  auto& out = *reply.mutable_client_lease();
  if (held->stop)
    out.set_stop(*held->stop);
  return reply;
}

proto::Reply answer_of_ended(const tables& store, const attempt_key& key,
                             proto::TaskState said, const std::string& node) {
  std::optional<proto::Attempt> ended;
  std::optional<proto::TaskRow> task;
  auto read = store.read([&](const table_view& view, uint64_t) {
    ended = get_attempt(view, key.task, key.attempt);
    task = get_task(view, key.task);
  });
  if (!read)
    return refusal(read.error());
  auto is_own = ended
                && (node.empty() ? client_of(ended->node()).has_value()
                                 : ended->node() == node);
  if (!is_own || !task)
    return refusal(ec::fenced,
                   attempt_text(key) + " is not leased to a scheduling client");
  if (said == proto::TASK_STATE_UNSPECIFIED || !confirms(*ended, said))
    return refusal(ec::fenced, attempt_text(key) + " has ended before: "
                                 + std::string{describe(ended->reason())});
  proto::Reply reply;
  reply.mutable_client_lease()->set_state(task->state());
  return reply;
}

} // namespace coppice

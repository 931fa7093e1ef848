// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The part of the TASK_TRACKER that speaks to workers.

#include "actors/replies.hpp"
#include "actors/task_tracker.hpp"
#include "runtime/health/node_rules.hpp"
#include "runtime/log.hpp"
#include "runtime/task/judgement.hpp"
#include "runtime/task/lease_rules.hpp"
#include "runtime/task/reconcile.hpp"
#include "storage/task_query.hpp"
#include "storage/task_tables.hpp"

#include <set>
#include <utility>

namespace coppice {

// -- connections --------------------------------------------------------------

task_tracker_state::worker*
task_tracker_state::find_worker(const std::string& node, uint64_t incarnation) {
  auto i = workers.find(node);
  return i != workers.end() && i->second.incarnation == incarnation ? &i->second
                                                                    : nullptr;
}

void task_tracker_state::stop_attempt(const worker_key& where,
                                      const attempt_key& key,
                                      proto::Reason why) {
  auto* w = find_worker(where.node, where.incarnation);
  if (!w || !w->connected)
    return;
  proto::StopAttempts order;
  order.set_reason(why);
  assign_ref(*order.add_refs(), key);
  self->send(w->handle, std::move(order));
}

void task_tracker_state::on_down(const caf::down_msg& x) {
  for (auto& [node, w] : workers) {
    if (!w.connected || w.handle.address() != x.source)
      continue;
    // No proof of death: its leases live on until they end.
    w.connected = false;
    auto leases = book.count({node, w.incarnation});
    // A scheduling client has no connection: it asks again, or it does not.
    if (client_of(node) && leases == 0)
      continue;
    log::warn("{} lost the connection to node {}: {} leases wait for it",
              options.group, node, leases);
  }
}

// -- hello --------------------------------------------------------------------

caf::result<proto::Welcome> task_tracker_state::on_hello(proto::Hello& x,
                                                         worker_actor& from) {
  auto promise = self->make_response_promise<proto::Welcome>();
  auto hello = std::make_shared<proto::Hello>(std::move(x));
  // Registering ends all that older incarnations held, but knows nothing of
  // it: each costs a try. So it waits until the last words are durable.
  auto words = take_last_words(*hello);
  auto none = words.items_size() == 0;
  auto told = [this, hello, from, promise](proto::Outcome& outcome) mutable {
    if (!outcome.has_error())
      return register_node(hello, from, promise);
    proto::Welcome refused;
    *refused.mutable_error() = outcome.error();
    promise.deliver(std::move(refused));
  };
  if (!none)
    propose_ends(std::move(words), std::move(told));
  give_up_older({hello->node(), hello->incarnation()});
  if (none)
    register_node(hello, from, promise);
  return promise;
}

void task_tracker_state::register_node(
  const std::shared_ptr<proto::Hello>& x, const worker_actor& from,
  caf::typed_response_promise<proto::Welcome> promise) {
  proto::Command command;
  auto& out = *command.mutable_register_();
  out.set_node(x->node());
  out.set_incarnation(x->incarnation());
  *out.mutable_kinds() = x->kinds();
  *out.mutable_labels() = x->labels();
  out.set_slots(x->slots());
  out.set_host(x->host());
  out.set_pid(x->pid());
  propose(std::move(command),
          [this, x, from, promise](proto::Outcome& outcome) mutable {
            if (outcome.has_error())
              *outcome.mutable_register_()->mutable_error() = outcome.error();
            promise.deliver(welcome(*x, from, outcome.register_()));
          });
}

proto::Welcome task_tracker_state::welcome(const proto::Hello& x,
                                           const worker_actor& from,
                                           const proto::RegisterOutcome& said) {
  proto::Welcome result;
  result.set_lease_ms(options.lease.count());
  result.set_shards(shards);
  if (said.has_error()) {
    *result.mutable_error() = said.error();
    log::warn("{} refuses node {}: {}", options.group, x.node(),
              said.error().message());
    return result;
  }
  bury_older({x.node(), x.incarnation()});
  attempt_ends released;
  if (failing.count(x.node()) > 0)
    for (auto& ref : said.released())
      released.items.push_back({x.node(), from_ref(ref)});
  tell_ends(std::move(released));
  for (auto i = 0; i < said.fates_size(); ++i)
    if (said.fates(i).state() == proto::WAITING)
      waits(from_ref(said.released(i)), said.fates(i).due_ms());
  auto& w = workers[x.node()];
  w = worker{from, x.incarnation(), x.connection(), true, wall_clock_ms()};
  self->monitor(from);
  book.heard({x.node(), x.incarnation()}, self->clock().now());
  reconcile(x, result);
  log::info("{} welcomes node {} (incarnation {}, {} slots): {} released, it "
            "holds {}, {} missing, {} obsolete",
            options.group, x.node(), x.incarnation(), x.slots(),
            said.released_size(), x.holds_size(), result.missing_size(),
            result.obsolete_size());
  return result;
}

proto::FinishCommand task_tracker_state::take_last_words(proto::Hello& x) {
  proto::FinishCommand ended;
  ended.mutable_items()->Swap(x.mutable_finishes());
  worker_key who{x.node(), x.incarnation()};
  for (auto& item : *ended.mutable_items()) {
    item.set_reporter(x.node());
    // So that nobody gives it up. Should this end be lost, the node tells it
    // again.
    auto key = to_attempt_key(item.id(), item.attempt());
    if (auto* held = book.find(key);
        held && held->worker.node == who.node && held->worker < who)
      book.erase(key);
  }
  return ended;
}

void task_tracker_state::give_up_older(const worker_key& x) {
  std::vector<verdict> lost;
  auto i = holders.lower_bound({x.node, 0});
  for (; i != holders.end() && *i < x; ++i)
    for (auto& key : book.held_by(*i))
      lost.push_back({key, proto::NODE_GONE});
  if (!lost.empty())
    log::warn("{} gives {} attempts of node {} up: it has started again",
              options.group, lost.size(), x.node);
  give_up(lost);
}

void task_tracker_state::bury_older(const worker_key& x) {
  auto i = holders.lower_bound({x.node, 0});
  while (i != holders.end() && *i < x) {
    book.node_gone(*i);
    i = holders.erase(i);
  }
}

void task_tracker_state::reconcile(const proto::Hello& x, proto::Welcome& out) {
  std::set<attempt_key> held;
  for (auto& ref : x.holds())
    held.insert(to_attempt_key(ref));
  leased_attempts leased;
  auto read = store->read([&](const table_view& view, uint64_t) {
    for (auto& lease : get_leases_of(view, x.node()))
      leased[{lease.task, lease.attempt}] = lease.cancel_requested;
  });
  if (!read) {
    set_error(*out.mutable_error(), read.error());
    return;
  }
  auto said = coppice::reconcile(held, leased);
  proto::FinishCommand ended;
  for (auto& key : said.missing) {
    assign_ref(*out.add_missing(), key);
    *ended.add_items() = judge_missing(key, book.find(key));
  }
  for (auto& key : said.obsolete) {
    assign_ref(*out.add_obsolete(), key);
    *ended.add_items() = judge_obsolete(key, x.node());
  }
  for (auto& key : said.cancelled)
    assign_ref(*out.add_cancelled(), key);
  judge(std::move(ended));
}

// -- reports ------------------------------------------------------------------

caf::result<proto::ReportAck> task_tracker_state::on_report(proto::Report& x) {
  proto::ReportAck ack;
  ack.set_number(x.number());
  ack.set_shards(shards);
  ack.set_drain(order_for(x.node()));
  auto* w = find_worker(x.node(), x.incarnation());
  if (!w) {
    set_error(*ack.mutable_error(),
              {ec::not_found, "this leader does not know node " + x.node()
                                + ": say hello first"});
    return ack;
  }
  auto now = self->clock().now();
  w->heard_ms = wall_clock_ms();
  book.heard({x.node(), x.incarnation()}, now);
  for (auto& report : *x.mutable_attempts()) {
    auto key = to_attempt_key(report.ref());
    if (!book.find(key)) {
      stop_attempt({x.node(), x.incarnation()}, key, proto::LEASE_EXPIRED);
      continue;
    }
    book.started(key, report.started_ms(), now);
    if (report.has_progress())
      book.progress(key, std::move(*report.mutable_progress()), now);
  }
  if (x.finishes_size() == 0)
    return renew(std::move(ack));
  proto::FinishCommand ended;
  ended.mutable_items()->Swap(x.mutable_finishes());
  for (auto& item : *ended.mutable_items())
    item.set_reporter(x.node());
  auto promise = self->make_response_promise<proto::ReportAck>();
  propose_ends(std::move(ended),
               [ack, promise](proto::Outcome& outcome) mutable {
                 if (outcome.has_error())
                   *ack.mutable_error() = outcome.error();
                 promise.deliver(std::move(ack));
               });
  return promise;
}

proto::DrainOrder task_tracker_state::order_for(const std::string& node) const {
  auto i = drained.find(node);
  return i == drained.end() ? proto::NO_DRAIN
                            : drain_order(i->second, wall_clock_ms());
}

/// A worker goes on with what it holds because it was answered. A leader that
/// was deposed, and does not know it yet, must not tell it to.
caf::result<proto::ReportAck> task_tracker_state::renew(proto::ReportAck ack) {
  // Nobody can have deposed it, and a slow disk must not cost leases.
  if (alone)
    return ack;
  auto promise = self->make_response_promise<proto::ReportAck>();
  self->request(replicator, caf::infinite, atom::barrier::value)
    .then(
      [promise, ack](const proto::Outcome& leads) mutable {
        if (leads.has_error())
          *ack.mutable_error() = leads.error();
        promise.deliver(std::move(ack));
      },
      [promise, ack](const caf::error& err) mutable {
        *ack.mutable_error() = unknown_outcome(err);
        promise.deliver(std::move(ack));
      });
  return promise;
}

// -- checkpoints --------------------------------------------------------------

caf::result<proto::CheckpointOutcome>
task_tracker_state::on_save(proto::SaveCheckpoint& x) {
  auto promise = self->make_response_promise<proto::CheckpointOutcome>();
  auto key = to_attempt_key(x.chunk().id(), x.chunk().attempt());
  if (auto* held = book.find(key); x.chunk().last() && held)
    if (x.chunk().progress().changed_ms() == 0)
      *x.mutable_chunk()->mutable_progress() = held->progress;
  proto::Command command;
  command.mutable_checkpoint()->Swap(x.mutable_chunk());
  propose(std::move(command), [promise](proto::Outcome& outcome) mutable {
    if (outcome.has_error())
      *outcome.mutable_checkpoint()->mutable_error() = outcome.error();
    promise.deliver(std::move(*outcome.mutable_checkpoint()));
  });
  return promise;
}

proto::CheckpointChunk
task_tracker_state::on_load(const proto::LoadCheckpoint& x) {
  proto::CheckpointChunk result;
  auto task = from_ref(x.ref().task());
  checkpoint_name which{x.head().attempt(), x.head().version()};
  auto read = store->read([&](const table_view& view, uint64_t) {
    auto chunk = get_chunk(view, task, which, x.chunk());
    return chunk ? std::optional{std::string{*chunk}} : std::nullopt;
  });
  if (!read)
    set_error(*result.mutable_error(), read.error());
  else if (!read.value())
    set_error(*result.mutable_error(),
              {ec::not_found, "this checkpoint of task " + to_string(task)
                                + " is not there any more"});
  else
    result.set_data(std::move(*read.value()));
  return result;
}

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/task_tracker.hpp"

#include "actors/replies.hpp"
#include "runtime/log.hpp"
#include "runtime/task/explain.hpp"
#include "runtime/task/judgement.hpp"
#include "runtime/task/reconcile.hpp"
#include "storage/task_query.hpp"
#include "storage/task_tables.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

namespace coppice {

namespace {

/// The most pauses that one command ends.
constexpr size_t max_wake = 1'000;

std::chrono::milliseconds total_left(const clocks& limits,
                                     int64_t first_leased_ms) {
  return limits.total
         - std::chrono::milliseconds{wall_clock_ms() - first_leased_ms};
}

} // namespace

// -- initialization -----------------------------------------------------------

result<> task_tracker_state::init(task_tracker_options xs,
                                  std::shared_ptr<const tables> db,
                                  state_replicator_actor log) {
  options = xs;
  store = std::move(db);
  replicator = std::move(log);
  book = lease_book{lease_limits{xs.lease, xs.tick, xs.stop_grace}};
  self->delayed_send(self, options.tick, atom::tick::value);
  return store->read([&](const table_view& view, uint64_t) {
    auto now = self->clock().now();
    for (auto& x : get_leases(view)) {
      attempt_key key{x.task, x.attempt};
      book.adopt(key, x.worker, x.limits,
                 total_left(x.limits, x.first_leased_ms), now);
      watch(key, x.worker);
    }
    if (book.size() > 0)
      log::info("{} goes on with {} leases", name, book.size());
  });
}

void task_tracker_state::watch(const attempt_key& key, const worker_key& who) {
  unconfirmed.emplace_back(self->clock().now(), key);
  holders.insert(who);
}

void task_tracker_state::propose(proto::Command x, outcome_handler f) {
  self->request(replicator, caf::infinite, std::move(x))
    .then([f](proto::Outcome& outcome) { f(outcome); },
          [f](caf::error& err) {
            proto::Outcome failed;
            *failed.mutable_error() = unknown_outcome(err);
            f(failed);
          });
}

// -- workers: hello -----------------------------------------------------------

caf::result<proto::Welcome> task_tracker_state::on_hello(proto::Hello& x,
                                                         worker_actor& from) {
  // Registering ends all that older incarnations held, but knows nothing of
  // it: each costs a try.
  take_last_words(x);
  give_up_older({x.node(), x.incarnation()});
  auto promise = self->make_response_promise<proto::Welcome>();
  proto::Command command;
  auto& out = *command.mutable_register_();
  out.set_node(x.node());
  out.set_incarnation(x.incarnation());
  *out.mutable_kinds() = x.kinds();
  *out.mutable_labels() = x.labels();
  out.set_slots(x.slots());
  out.set_host(x.host());
  out.set_pid(x.pid());
  auto hello = std::make_shared<proto::Hello>(std::move(x));
  propose(std::move(command),
          [this, hello, from, promise](proto::Outcome& outcome) mutable {
            if (outcome.has_error())
              *outcome.mutable_register_()->mutable_error() = outcome.error();
            promise.deliver(welcome(*hello, from, outcome.register_()));
          });
  return promise;
}

proto::Welcome task_tracker_state::welcome(const proto::Hello& x,
                                           worker_actor& from,
                                           const proto::RegisterOutcome& said) {
  proto::Welcome result;
  result.set_lease_ms(options.lease.count());
  if (said.has_error()) {
    *result.mutable_error() = said.error();
    log::warn("{} refuses node {}: {}", name, x.node(), said.error().message());
    return result;
  }
  bury_older({x.node(), x.incarnation()});
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
            name, x.node(), x.incarnation(), x.slots(), said.released_size(),
            x.holds_size(), result.missing_size(), result.obsolete_size());
  return result;
}

void task_tracker_state::take_last_words(proto::Hello& x) {
  if (x.finishes_size() == 0)
    return;
  proto::FinishCommand ended;
  ended.mutable_items()->Swap(x.mutable_finishes());
  worker_key who{x.node(), x.incarnation()};
  for (auto& item : *ended.mutable_items()) {
    item.set_reporter(x.node());
    // So that nobody gives it up. Should this end be lost, registering ends it.
    auto key = to_attempt_key(item.id(), item.attempt());
    if (auto* held = book.find(key);
        held && held->worker.node == who.node && held->worker < who)
      book.erase(key);
  }
  judge(std::move(ended));
}

void task_tracker_state::give_up_older(const worker_key& x) {
  std::vector<verdict> lost;
  auto i = holders.lower_bound({x.node, 0});
  for (; i != holders.end() && *i < x; ++i)
    for (auto& key : book.held_by(*i))
      lost.push_back({key, proto::NODE_GONE});
  if (!lost.empty())
    log::warn("{} gives {} attempts of node {} up: it has started again", name,
              lost.size(), x.node);
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

// -- workers: reports ---------------------------------------------------------

task_tracker_state::worker*
task_tracker_state::find_worker(const std::string& node, uint64_t incarnation) {
  auto i = workers.find(node);
  return i != workers.end() && i->second.incarnation == incarnation ? &i->second
                                                                    : nullptr;
}

caf::result<proto::ReportAck> task_tracker_state::on_report(proto::Report& x) {
  proto::ReportAck ack;
  ack.set_number(x.number());
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
    return ack;
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

void task_tracker_state::propose_ends(proto::FinishCommand items,
                                      outcome_handler f) {
  // Shared, because CAF and std::function copy what a handler holds.
  auto keys = std::make_shared<std::vector<attempt_key>>();
  for (auto& item : items.items())
    keys->push_back(to_attempt_key(item.id(), item.attempt()));
  proto::Command command;
  *command.mutable_finish() = std::move(items);
  propose(std::move(command), [this, f, keys](proto::Outcome& outcome) {
    for (auto i = 0; i < outcome.finish().items_size(); ++i)
      finished((*keys)[static_cast<size_t>(i)], outcome.finish().items(i));
    f(outcome);
  });
}

void task_tracker_state::finished(const attempt_key& key,
                                  const proto::FinishOutcome::Item& fate) {
  if (fate.fenced()) {
    // If it is watched, it is the current attempt, and of another node.
    log::debug("{} refuses the end of {}: not the current attempt", name,
               to_string(key));
    return;
  }
  // A repeated end is over already.
  book.erase(key);
  if (fate.state() == proto::WAITING)
    waits(key.task, fate.due_ms());
}

void task_tracker_state::waits(const task_id& id, int64_t due_ms) {
  if (due_ms != 0) {
    next_due_ms = std::min(next_due_ms, due_ms);
    return;
  }
  // Without a pause it is in the queue already, and nothing wakes it.
  auto row = store->read(
    [&](const table_view& view, uint64_t) { return get_task(view, id); });
  if (row && row.value())
    mark_ready({{id.product, row.value()->task_class()}});
}

void task_tracker_state::give_up(const std::vector<verdict>& xs) {
  if (xs.empty())
    return;
  proto::FinishCommand ended;
  auto read = store->read([&](const table_view& view, uint64_t) {
    for (auto& [key, why] : xs)
      if (auto* held = book.find(key))
        *ended.add_items() = judgement(
          key, *held, why,
          attempts_before(view, key.task, key.attempt, max_free_losses));
  });
  if (!read)
    log::error("{} cannot read what it gives up: {}", name,
               to_string(read.error()));
  judge(std::move(ended));
}

void task_tracker_state::judge(proto::FinishCommand items) {
  auto n = items.items_size();
  if (n == 0)
    return;
  propose_ends(std::move(items), [n](proto::Outcome& outcome) {
    // Their leases are still in the table: the next hello, or the next leader,
    // judges them again.
    if (outcome.has_error())
      log::error("{} could not end {} attempts: {}", name, n,
                 outcome.error().message());
  });
}

// -- workers: checkpoints -----------------------------------------------------

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

// -- leases -------------------------------------------------------------------

void task_tracker_state::on_granted(granted_leases& xs) {
  for (auto& x : xs.items) {
    attempt_key key{x.task, x.attempt};
    worker_key who{x.node, x.incarnation};
    book.grant(key, who, x.limits, total_left(x.limits, x.first_leased_ms),
               self->clock().now());
    watch(key, who);
  }
}

void task_tracker_state::on_undelivered(const undelivered_leases& xs) {
  proto::FinishCommand lost;
  for (auto& [task, attempt] : xs.items)
    *lost.add_items() = never_started({task, attempt});
  judge(std::move(lost));
}

void task_tracker_state::on_down(const caf::down_msg& x) {
  for (auto& [node, w] : workers) {
    if (!w.connected || w.handle.address() != x.source)
      continue;
    // No proof of death: its leases live on until they end.
    w.connected = false;
    log::warn("{} lost the connection to node {}: {} leases wait for it", name,
              node, book.count({node, w.incarnation}));
  }
}

void task_tracker_state::on_tick() {
  self->delayed_send(self, options.tick, atom::tick::value);
  expire(book.tick(self->clock().now()));
  give_up_unconfirmed();
  wake();
}

void task_tracker_state::expire(const std::vector<lease_book::expiry>& xs) {
  std::vector<verdict> ended;
  std::map<std::pair<std::string, proto::Reason>, size_t> counts;
  for (auto& x : xs) {
    if (!x.final) {
      stop_attempt(x.worker, x.key, x.reason);
      continue;
    }
    ended.push_back({x.key, x.reason});
    ++counts[{x.worker.node, x.reason}];
    // A silent node is told when it reports again.
    if (x.reason != proto::LEASE_EXPIRED)
      stop_attempt(x.worker, x.key, proto::LEASE_EXPIRED);
  }
  for (auto& [what, n] : counts)
    log::warn("{} gives {} attempts on node {} up: {}", name, n, what.first,
              describe(what.second));
  give_up(ended);
}

void task_tracker_state::give_up_unconfirmed() {
  auto now = self->clock().now();
  proto::FinishCommand lost;
  while (!unconfirmed.empty()) {
    auto [since, key] = unconfirmed.front();
    auto* held = book.find(key);
    auto open = held && !held->started && !held->ended;
    if (open && since > now - options.lease)
      break;
    unconfirmed.pop_front();
    if (book.overdue(key)) {
      stop_attempt(held->worker, key, proto::LEASE_EXPIRED);
      book.end(key);
      *lost.add_items() = never_started(key);
    } else if (open) {
      // Its node is silent: that clock ends the lease, or it is heard again.
      unconfirmed.emplace_back(now, key);
    }
  }
  judge(std::move(lost));
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

void task_tracker_state::wake() {
  auto now = wall_clock_ms();
  if (waking || now < next_due_ms)
    return;
  proto::Command command;
  auto read = store->read([&](const table_view& view, uint64_t) {
    for (auto& due : get_due(view, now, max_wake))
      *command.mutable_wake()->add_ids() = to_ref(due.id);
    auto first = first_due(view);
    next_due_ms = first ? first->due_ms : std::numeric_limits<int64_t>::max();
  });
  if (!read || command.wake().ids_size() == 0)
    return;
  waking = true;
  auto products = std::make_shared<std::vector<uint32_t>>();
  for (auto& id : command.wake().ids())
    products->push_back(id.product());
  propose(std::move(command), [this, products](proto::Outcome& outcome) {
    waking = false;
    next_due_ms = 0; // Look again: there may be more.
    std::vector<ready_queue> ready;
    for (auto i = 0; i < outcome.wake().items_size(); ++i)
      if (outcome.wake().items(i).queued())
        ready.push_back({(*products)[static_cast<size_t>(i)],
                         outcome.wake().items(i).task_class()});
    mark_ready(ready);
  });
}

void task_tracker_state::mark_ready(const std::vector<ready_queue>& xs) {
  if (!xs.empty() && scheduler)
    self->send(scheduler, ready_queues{xs});
}

// -- task_tracker -------------------------------------------------------------

task_tracker_impl::behavior_type
task_tracker(task_tracker_impl::stateful_pointer<task_tracker_state> self,
             task_tracker_options options, std::shared_ptr<const tables> store,
             state_replicator_actor replicator) {
  auto started
    = self->state.init(options, std::move(store), std::move(replicator));
  if (!started) {
    log::error("{} cannot start: {}", self->state.name,
               to_string(started.error()));
    self->quit(caf::make_error(caf::sec::runtime_error));
    return task_tracker_impl::behavior_type::make_empty_behavior();
  }
  self->set_down_handler([self](caf::down_msg& x) { self->state.on_down(x); });
  return {
    [self](proto::Request& x) { return self->state.on_request(x); },
    [self](proto::Report& x) { return self->state.on_report(x); },
    [self](proto::SaveCheckpoint& x) { return self->state.on_save(x); },
    [self](const proto::LoadCheckpoint& x) { return self->state.on_load(x); },
    [self](granted_leases& xs) { self->state.on_granted(xs); },
    [self](const undelivered_leases& xs) { self->state.on_undelivered(xs); },
    [self](local_job_scheduler_actor& x) {
      self->state.scheduler = std::move(x);
    },
    [self](proto::Hello& x, worker_actor& from) {
      return self->state.on_hello(x, from);
    },
    [self](atom::tick) { self->state.on_tick(); },
  };
}

} // namespace coppice

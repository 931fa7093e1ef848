// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/task_tracker.hpp"

#include "actors/replies.hpp"
#include "runtime/health/node_rules.hpp"
#include "runtime/log.hpp"
#include "runtime/task/explain.hpp"
#include "runtime/task/judgement.hpp"
#include "storage/task_query.hpp"
#include "storage/task_tables.hpp"

#include <algorithm>
#include <limits>
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
  walk = history_walk{xs.history};
  pause_sweep();
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
      log::info("{} goes on with {} leases", options.group, book.size());
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

// -- ends of attempts ---------------------------------------------------------

void task_tracker_state::propose_ends(proto::FinishCommand items,
                                      outcome_handler f) {
  // Shared, because CAF and std::function copy what a handler holds.
  auto ends = std::make_shared<std::vector<proposed_end>>();
  for (auto& item : items.items()) {
    auto says = evidence_of(item);
    ends->push_back({to_attempt_key(item.id(), item.attempt()), says,
                     item.reporter(),
                     says == node_evidence::bad ? cause_of(item) : ""});
  }
  proto::Command command;
  *command.mutable_finish() = std::move(items);
  propose(std::move(command), [this, f, ends](proto::Outcome& outcome) {
    attempt_ends news;
    for (auto i = 0; i < outcome.finish().items_size(); ++i) {
      auto& end = (*ends)[static_cast<size_t>(i)];
      auto& fate = outcome.finish().items(i);
      note_end(end, fate, news);
      finished(end.key, fate);
    }
    tell_ends(std::move(news));
    f(outcome);
  });
}

void task_tracker_state::note_end(const proposed_end& x,
                                  const proto::FinishOutcome::Item& fate,
                                  attempt_ends& out) {
  // The hot path: successes, and nothing has failed.
  if (failing.empty() && x.says != node_evidence::bad)
    return;
  if (fate.fenced() || fate.repeated())
    return;
  attempt_end end;
  auto* held = book.find(x.key);
  end.node = x.reporter.empty() && held ? held->worker.node : x.reporter;
  end.task = x.key.task;
  // It was to be cancelled anyway.
  end.says = fate.state() == proto::CANCELLED ? node_evidence::nothing : x.says;
  if (end.says == node_evidence::bad) {
    auto row = store->read([&](const table_view& view, uint64_t) {
      return get_attempt(view, x.key.task, x.key.attempt);
    });
    if (!row || !row.value())
      return;
    end.ran_for = std::chrono::milliseconds{row.value()->ended_ms()
                                            - row.value()->leased_ms()};
    end.why = x.why;
    failing.insert(end.node);
  } else if (failing.count(end.node) == 0) {
    return;
  } else if (end.says == node_evidence::good) {
    failing.erase(end.node);
  }
  out.items.push_back(std::move(end));
}

void task_tracker_state::tell_ends(attempt_ends xs) {
  if (!xs.items.empty() && scheduler)
    self->send(scheduler, std::move(xs));
}

void task_tracker_state::finished(const attempt_key& key,
                                  const proto::FinishOutcome::Item& fate) {
  if (fate.fenced()) {
    // If it is watched, it is the current attempt, and of another node.
    log::debug("{} refuses the end of {}: not the current attempt",
               options.group, to_string(key));
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
    log::error("{} cannot read what it gives up: {}", options.group,
               to_string(read.error()));
  judge(std::move(ended));
}

void task_tracker_state::judge(proto::FinishCommand items) {
  auto n = items.items_size();
  if (n == 0)
    return;
  propose_ends(std::move(items), [this, n](proto::Outcome& outcome) {
    // Their leases are still in the table: the next hello, or the next leader,
    // judges them again.
    if (outcome.has_error())
      log::warn("{} could not end {} attempts: {}", options.group, n,
                outcome.error().message());
  });
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

void task_tracker_state::on_lead(const lead_change& x) {
  alone = x.alone;
  leading = x.ready;
}

void task_tracker_state::on_nodes(const node_news& x) {
  std::vector<verdict> lost;
  auto read = store->read([&](const table_view& view, uint64_t) {
    for (auto& row : *x.rows) {
      if (auto hold = task_hold(row))
        drained[row.start.node] = *hold;
      else
        drained.erase(row.start.node);
      if (!proves_end(row))
        continue;
      for (auto& key : book.held_by(row.start))
        if (!is_exclusive(view, key.task))
          lost.push_back({key, proto::NODE_GONE});
    }
  });
  if (!read)
    log::error("{} cannot read what it gives up: {}", options.group,
               to_string(read.error()));
  if (!lost.empty())
    log::warn("{} gives {} attempts up: their nodes are gone", options.group,
              lost.size());
  give_up(lost);
}

void task_tracker_state::on_tick() {
  self->delayed_send(self, options.tick, atom::tick::value);
  expire(book.tick(self->clock().now()));
  give_up_unconfirmed();
  wake();
  sweep();
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
    log::warn("{} gives {} attempts on node {} up: {}", options.group, n,
              what.first, describe(what.second));
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
    log::error("{} cannot start: {}", self->state.options.group,
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
    [self](const lead_change& x) { self->state.on_lead(x); },
    [self](const cluster_facts& x) { self->state.shards = x.shards; },
    [self](const node_news& x) { self->state.on_nodes(x); },
    [self](local_job_scheduler_actor& x) {
      self->state.scheduler = std::move(x);
    },
    [self](proto::Hello& x, worker_actor& from) {
      return self->state.on_hello(x, from);
    },
    [self](atom::tick) { self->state.on_tick(); },
    [self](atom::sweep) { self->state.sweep(); },
  };
}

} // namespace coppice

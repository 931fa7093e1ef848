// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/job_scheduler.hpp"

#include "actors/replies.hpp"
#include "runtime/health/node_rules.hpp"
#include "runtime/log.hpp"
#include "runtime/task/explain.hpp"
#include "runtime/task/spec_check.hpp"
#include "storage/task_query.hpp"
#include "storage/task_tables.hpp"

#include <algorithm>
#include <utility>

namespace coppice {

namespace {

/// Pause before leases that failed are tried again.
constexpr auto retry_pause = std::chrono::milliseconds{200};

/// Gives the dispatcher access to the queue in the tables.
class table_queue_reader : public queue_reader {
public:
  explicit table_queue_reader(const table_view& view) : view_(view) {}

  std::optional<queue_position>
  first_after(uint32_t product, uint32_t task_class,
              const std::optional<queue_position>& after) override {
    queue_name name{product, task_class};
    auto found
      = after ? next_queued(view_, {{product, after->epoch, after->sequence},
                                    task_class,
                                    after->priority,
                                    0})
              : first_queued(view_, name);
    if (!found)
      return std::nullopt;
    return queue_position{found->priority, found->id.epoch, found->id.sequence};
  }

private:
  const table_view& view_;
};

std::vector<std::string> strings(const auto& xs) {
  return {xs.begin(), xs.end()};
}

} // namespace

// -- member types -------------------------------------------------------------

/// Picks on their way through the log.
struct job_scheduler_state::lease_round {
  std::vector<dispatcher::pick> picks;
  /// Numbers of the attempts, one for each pick.
  std::vector<uint32_t> attempts;
};

// -- initialization -----------------------------------------------------------

result<> job_scheduler_state::init(job_scheduler_options xs,
                                   std::shared_ptr<const tables> db,
                                   state_replicator_actor log,
                                   local_task_tracker_actor task_tracker) {
  options = xs;
  bad_nodes = quarantine{xs.bad_nodes};
  store = std::move(db);
  replicator = std::move(log);
  tracker = std::move(task_tracker);
  load_kinds();
  return store->read([this](const table_view& view, uint64_t) {
    for (uint32_t number = 1; auto row = get_class(view, number); ++number) {
      class_needs needs{row->kind(), strings(row->labels()),
                        std::max(row->weight(), 1u)};
      queue.define_class(number, needs.kind, needs.labels, needs.weight);
      classes[std::move(needs)] = number;
    }
    for (auto& waiting : get_queues(view))
      queue.mark_ready(waiting.product, waiting.task_class);
  });
}

void job_scheduler_state::load_kinds() {
  kinds = built_in_kinds();
  auto loaded = store->read([this](const table_view& view, uint64_t) {
    for (auto& kind : get_kinds(view))
      kinds.add(std::move(kind));
  });
  if (!loaded)
    log::error("{} cannot read the kinds: {}", options.group,
               to_string(loaded.error()));
}

void job_scheduler_state::learn_kind(const std::string& kind) {
  auto loaded = store->read([&](const table_view& view, uint64_t) {
    if (auto known = get_kind(view, kind))
      kinds.add(std::move(*known));
  });
  if (!loaded)
    log::error("{} cannot read kind '{}': {}", options.group, kind,
               to_string(loaded.error()));
}

// -- requests -----------------------------------------------------------------

caf::result<proto::Reply> job_scheduler_state::on_request(proto::Request& x) {
  switch (x.kind_case()) {
    case proto::Request::kSubmit:
      return submit(*x.mutable_submit());
    case proto::Request::kExplain:
      return explain(x);
    case proto::Request::kNodes:
      return nodes(x);
    case proto::Request::kRelease:
      return release(x.release());
    default:
      return refusal(ec::protocol_violation,
                     "the job scheduler does not know this request");
  }
}

// -- pulls --------------------------------------------------------------------

void job_scheduler_state::on_pull(proto::Pull& x, worker_actor& from) {
  worker_key key{x.node(), x.incarnation()};
  auto [i, added] = workers.try_emplace(key);
  auto& w = i->second;
  if (!added && w.connection != x.connection()) {
    i->second = worker{};
    added = true;
  }
  if (added) {
    w.handle = from;
    w.connection = x.connection();
    w.kinds = strings(x.kinds());
    w.labels = strings(x.labels());
    self->monitor(from);
    load_kinds();
  }
  slot_offer slots{x.free()};
  slots.idle = std::max(x.idle(), slots.free);
  slots.total = std::max(x.slots(), slots.idle);
  w.credit.pulled(slots, x.seen());
  refresh_offer(key);
  schedule_dispatch();
}

void job_scheduler_state::refresh_offer(const worker_key& key) {
  auto i = workers.find(key);
  if (i == workers.end())
    return;
  auto& w = i->second;
  auto gone = down.find(key.node);
  if ((gone != down.end() && gone->second == key.incarnation)
      || drained.count(key.node) > 0)
    return queue.withdraw(key);
  auto slots = w.credit.available();
  switch (bad_nodes.judge(key.node, self->clock().now())) {
    case quarantine::standing::open:
      return queue.offer(key, w.kinds, w.labels, slots);
    case quarantine::standing::trial_due:
      slots.free = std::min(slots.free, 1u);
      return queue.offer(key, w.kinds, w.labels, slots);
    default:
      return queue.withdraw(key);
  }
}

void job_scheduler_state::refresh_offers(const std::string& node) {
  auto i = workers.lower_bound({node, 0});
  for (; i != workers.end() && i->first.node == node; ++i)
    refresh_offer(i->first);
}

void job_scheduler_state::on_nodes(const node_news& x) {
  for (auto& row : *x.rows) {
    if (row.state == node_state::down)
      down[row.start.node] = row.start.incarnation;
    else
      down.erase(row.start.node);
    if (task_hold(row))
      drained.insert(row.start.node);
    else
      drained.erase(row.start.node);
    // Who stops it may mend it, and it must not count for those that are here.
    if (row.state == node_state::left || row.state == node_state::forgotten)
      bad_nodes.release(row.start.node);
    refresh_offer(row.start);
  }
  review("it was stopped");
  schedule_dispatch();
}

void job_scheduler_state::on_down(const caf::down_msg& x) {
  for (auto i = workers.begin(); i != workers.end();) {
    if (i->second.handle.address() == x.source) {
      queue.withdraw(i->first);
      i = workers.erase(i);
    } else {
      ++i;
    }
  }
}

void job_scheduler_state::on_ready(const ready_queues& xs) {
  for (auto& x : xs.items)
    queue.mark_ready(x.product, x.task_class);
  schedule_dispatch();
}

// -- leases -------------------------------------------------------------------

void job_scheduler_state::schedule_dispatch() {
  // One round for everything that waits in the mailbox.
  if (std::exchange(dispatch_scheduled, true))
    return;
  self->send(self, atom::dispatch::value);
}

void job_scheduler_state::on_dispatch() {
  dispatch_scheduled = false;
  auto round = std::make_shared<lease_round>();
  proto::Command command;
  auto& items = *command.mutable_lease();
  auto read = store->read([&](const table_view& view, uint64_t) {
    table_queue_reader reader{view};
    round->picks = queue.pick_all(reader, options.max_leases);
    for (auto& pick : round->picks) {
      auto* item = items.add_items();
      *item->mutable_id() = to_ref(pick.id);
      auto row = get_task(view, pick.id);
      auto last = row ? last_number(*row) : 0;
      round->attempts.push_back(last + 1);
      item->set_attempt(last + 1);
      item->set_node(pick.worker.node);
      item->set_incarnation(pick.worker.incarnation);
    }
  });
  if (!read)
    return lease_failed(*round, to_string(read.error()));
  if (round->picks.empty())
    return;
  if (round->picks.size() == options.max_leases)
    schedule_dispatch(); // There may be more.
  self->request(replicator, caf::infinite, std::move(command))
    .then([this, round](proto::Outcome& outcome) { leased(*round, outcome); },
          [this, round](caf::error& err) {
            lease_failed(*round, unknown_outcome(err).message());
          });
}

void job_scheduler_state::leased(lease_round& round, proto::Outcome& outcome) {
  auto n = static_cast<int>(round.picks.size());
  if (outcome.has_error() || outcome.lease().items_size() != n)
    return lease_failed(round, outcome.error().message());
  deliveries out;
  auto read = store->read([&](const table_view& view, uint64_t) {
    for (auto i = 0; i < n; ++i) {
      auto& pick = round.picks[static_cast<size_t>(i)];
      auto& said = outcome.lease().items(i);
      auto attempt = round.attempts[static_cast<size_t>(i)];
      queue.settled(pick.id, said.granted());
      if (!said.granted())
        continue;
      auto bytes = get_spec(view, pick.id);
      proto::TaskSpec spec;
      if (!bytes
          || !spec.ParseFromArray(bytes->data(),
                                  static_cast<int>(bytes->size())))
        continue; // The failure of the view; the lease runs out.
      auto& to = out[pick.worker];
      add_lease(to, pick.id, attempt, pick.worker, spec,
                said.first_leased_ms());
      auto* assignment = to.message.add_items();
      *assignment->mutable_ref()->mutable_task() = to_ref(pick.id);
      assignment->mutable_ref()->set_attempt(attempt);
      assignment->set_spec(std::string{*bytes});
      if (said.has_checkpoint())
        *assignment->mutable_checkpoint() = said.checkpoint();
    }
  });
  if (!read)
    log::error("{} cannot read what it leased: {}", options.group,
               to_string(read.error()));
  deliver(out);
}

void job_scheduler_state::add_lease(delivery& to, const task_id& task,
                                    uint32_t attempt, const worker_key& who,
                                    const proto::TaskSpec& spec,
                                    int64_t first_leased_ms) {
  if (bad_nodes.judge(who.node, self->clock().now())
      == quarantine::standing::trial_due)
    bad_nodes.begin_trial(who.node, task);
  auto* kind = kinds.find(spec.kind());
  to.slots += weight_of(spec);
  to.leases.push_back({task, attempt, who.node, who.incarnation,
                       kind ? effective_clocks(spec, *kind) : clocks{},
                       first_leased_ms});
}

void job_scheduler_state::lease_failed(lease_round& round,
                                       const std::string& why) {
  log::warn("{} could not lease {} tasks and tries again: {}", options.group,
            round.picks.size(), why);
  for (auto& pick : round.picks)
    queue.settled(pick.id, false);
  if (!std::exchange(dispatch_scheduled, true))
    self->delayed_send(self, retry_pause, atom::dispatch::value);
}

void job_scheduler_state::deliver(deliveries& xs) {
  for (auto& [key, x] : xs) {
    auto w = workers.find(key);
    if (w == workers.end() || !w->second.handle) {
      undelivered_leases lost;
      for (auto& lease : x.leases)
        lost.items.emplace_back(lease.task, lease.attempt);
      self->send(tracker, granted_leases{std::move(x.leases)});
      self->send(tracker, std::move(lost));
      continue;
    }
    x.message.set_number(w->second.credit.send(x.slots));
    self->send(tracker, granted_leases{std::move(x.leases)});
    self->send(w->second.handle, std::move(x.message));
  }
}

// -- explain ------------------------------------------------------------------

caf::result<proto::Reply> job_scheduler_state::explain(proto::Request& x) {
  auto id = parse_task_id(x.explain().id());
  if (!id)
    return refusal(id.error());
  proto::Reply reply;
  auto read = store->read([&](const table_view& view, uint64_t) {
    auto row = get_task(view, id.value());
    auto queued = row && row->state() == proto::WAITING && row->due_ms() == 0;
    auto task = read_task(view, id.value(), false);
    if (!queued || !task)
      return;
    auto& out = *reply.mutable_explain();
    out.add_lines(to_string(queue.explain(row->task_class())));
    for (auto& line : explain_withheld(row->task_class()))
      out.add_lines(std::move(line));
    for (auto& line : explain_state(task.value(), wall_clock_ms()))
      out.add_lines(std::move(line));
    *out.mutable_task() = std::move(task.value());
  });
  if (!read)
    return refusal(read.error());
  // What goes on elsewhere only the TASK_TRACKER knows.
  if (!reply.has_explain())
    return self->delegate(tracker, std::move(x));
  return reply;
}

// -- job_scheduler ------------------------------------------------------------

job_scheduler_impl::behavior_type
job_scheduler(job_scheduler_impl::stateful_pointer<job_scheduler_state> self,
              job_scheduler_options options,
              std::shared_ptr<const tables> store,
              state_replicator_actor replicator,
              local_task_tracker_actor tracker) {
  auto started = self->state.init(options, std::move(store),
                                  std::move(replicator), std::move(tracker));
  if (!started) {
    log::error("{} cannot start: {}", self->state.options.group,
               to_string(started.error()));
    self->quit(caf::make_error(caf::sec::runtime_error));
    return job_scheduler_impl::behavior_type::make_empty_behavior();
  }
  self->set_down_handler([self](caf::down_msg& x) { self->state.on_down(x); });
  self->send(self->state.tracker, local_job_scheduler_actor{self});
  return {
    [self](proto::Request& x) { return self->state.on_request(x); },
    [self](proto::Pull& x, worker_actor& from) {
      self->state.on_pull(x, from);
    },
    [self](const ready_queues& xs) { self->state.on_ready(xs); },
    [self](const attempt_ends& xs) { self->state.on_ends(xs); },
    [self](const node_news& x) { self->state.on_nodes(x); },
    [self](atom::dispatch) { self->state.on_dispatch(); },
    [self](atom::review) { self->state.on_review(); },
  };
}

} // namespace coppice

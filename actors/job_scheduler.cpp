// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/job_scheduler.hpp"

#include "actors/replies.hpp"
#include "runtime/log.hpp"
#include "runtime/task/explain.hpp"
#include "runtime/task/spec_check.hpp"
#include "storage/task_query.hpp"
#include "storage/task_tables.hpp"

#include <algorithm>
#include <utility>

namespace coppice {

namespace {

/// The most specs in one submit.
constexpr int max_submit = 1'000;

/// Specs of one submit are packed into commands of about this size.
constexpr size_t max_part_bytes = size_t{128} << 10;

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

std::vector<std::string> sorted(std::vector<std::string> xs) {
  std::sort(xs.begin(), xs.end());
  return xs;
}

} // namespace

// -- member types -------------------------------------------------------------

/// A submit on its way through the log.
struct job_scheduler_state::submission {
  caf::typed_response_promise<proto::Reply> promise;
  proto::Reply reply;
  std::vector<accepted> items;
  /// Commands that are not answered.
  size_t open_parts = 0;

  void part_answered() {
    if (--open_parts == 0)
      promise.deliver(std::move(reply));
  }
};

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
  store = std::move(db);
  replicator = std::move(log);
  tracker = std::move(task_tracker);
  load_kinds();
  return store->read([this](const table_view& view, uint64_t) {
    for (uint32_t number = 1; auto row = get_class(view, number); ++number) {
      auto rules = strings(row->labels());
      queue.define_class(number, row->kind(), rules);
      classes[{row->kind(), std::move(rules)}] = number;
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

// -- submit -------------------------------------------------------------------

caf::result<proto::Reply> job_scheduler_state::on_request(proto::Request& x) {
  switch (x.kind_case()) {
    case proto::Request::kSubmit:
      return submit(*x.mutable_submit());
    case proto::Request::kExplain:
      return explain(x);
    default:
      return refusal(ec::protocol_violation,
                     "the job scheduler does not know this request");
  }
}

caf::result<proto::Reply>
job_scheduler_state::submit(proto::SubmitRequest& request) {
  if (request.specs_size() > max_submit)
    return refusal(ec::invalid_argument,
                   "a submit carries at most 1000 tasks, this one has "
                     + std::to_string(request.specs_size()));
  auto batch = std::make_shared<submission>();
  batch->reply.mutable_submit(); // Also the answer to no specs at all.
  product_routes products;
  for (auto& x : request.products())
    products[x.name()] = &x;
  std::vector<part> parts;
  for (auto i = 0; i < request.specs_size(); ++i) {
    auto& reply = *batch->reply.mutable_submit()->add_items();
    auto size = request.specs(i).size();
    auto item = accept(std::move(*request.mutable_specs(i)), i, products);
    if (!item) {
      set_error(*reply.mutable_error(), item.error());
      continue;
    }
    if (parts.empty() || parts.back().bytes + size > max_part_bytes)
      parts.push_back({batch->items.size(), 0, {}});
    parts.back().bytes += size;
    batch->items.push_back(std::move(item.value()));
    fill(*parts.back().command.mutable_submit()->add_items(),
         batch->items.back());
  }
  if (parts.empty())
    return std::move(batch->reply);
  batch->open_parts = parts.size();
  batch->promise = self->make_response_promise<proto::Reply>();
  // Without a deadline, as all that the leader has to know the outcome of: what
  // is applied late is queued or leased all the same.
  for (auto& x : parts) {
    auto n = static_cast<size_t>(x.command.submit().items_size());
    self->request(replicator, caf::infinite, std::move(x.command))
      .then(
        [this, batch, first = x.first, n](proto::Outcome& outcome) {
          submitted(*batch, first, n, outcome);
        },
        [this, batch, first = x.first, n](caf::error& err) {
          submit_failed(*batch, first, n, unknown_outcome(err));
        });
  }
  return batch->promise;
}

result<job_scheduler_state::accepted>
job_scheduler_state::accept(std::string bytes, int place,
                            const product_routes& products) {
  accepted item;
  item.place = place;
  item.bytes = std::move(bytes);
  auto& spec = item.spec;
  if (!spec.ParseFromString(item.bytes))
    return error{ec::invalid_argument,
                 "the spec is not a valid coppice.proto.TaskSpec (garbled "
                 "bytes, or text that is not UTF-8)"};
  auto checked
    = check_spec(spec, item.bytes.size(), options.max_payload_bytes, kinds);
  if (!checked)
    return checked.error();
  auto product = products.find(effective_product(spec));
  if (product == products.end())
    return error{ec::protocol_violation,
                 "the binding of product '"
                   + std::string{effective_product(spec)} + "' is missing"};
  item.product = *product->second;
  if (item.product.epoch() < item.product.newest_epoch())
    return item; // Nothing new is accepted by this binding.
  auto known = classes.find({spec.kind(), sorted(strings(spec.labels()))});
  if (known != classes.end())
    item.claimed = queue.claim(known->second);
  return item;
}

void job_scheduler_state::fill(proto::SubmitCommand::Item& out,
                               accepted& item) {
  auto& spec = item.spec;
  out.set_product(item.product.name());
  out.set_product_number(item.product.number());
  out.set_epoch(item.product.epoch());
  out.set_newest_epoch(item.product.newest_epoch());
  out.set_kind(spec.kind());
  out.set_priority(spec.priority());
  *out.mutable_labels() = spec.labels();
  out.set_idempotency_key(spec.idempotency_key());
  if (!item.claimed) {
    out.set_spec(std::exchange(item.bytes, {}));
    return;
  }
  out.set_spec(item.bytes);
  out.set_lease_to_node(item.claimed->node);
  out.set_lease_to_incarnation(item.claimed->incarnation);
}

void job_scheduler_state::submitted(submission& batch, size_t first, size_t n,
                                    const proto::Outcome& outcome) {
  if (outcome.has_error())
    return submit_failed(batch, first, n, outcome.error());
  deliveries out;
  for (auto i = 0; i < outcome.submit().items_size(); ++i) {
    auto& item = batch.items[first + static_cast<size_t>(i)];
    item_submitted(item, outcome.submit().items(i), out);
    auto& reply = *batch.reply.mutable_submit()->mutable_items(item.place);
    if (outcome.submit().items(i).has_error()) {
      *reply.mutable_error() = outcome.submit().items(i).error();
    } else if (outcome.submit().items(i).moved()) {
      reply.set_moved(true);
    } else {
      reply.set_id(to_string(from_ref(outcome.submit().items(i).id())));
      reply.set_duplicate(outcome.submit().items(i).duplicate());
    }
  }
  deliver(out);
  batch.part_answered();
}

void job_scheduler_state::item_submitted(accepted& item,
                                         const proto::SubmitOutcome::Item& said,
                                         deliveries& out) {
  if (item.claimed)
    queue.claim_settled(*item.claimed, said.leased());
  if (said.leased()) {
    auto& to = out[*item.claimed];
    add_lease(to, from_ref(said.id()), 1, *item.claimed, item.spec,
              wall_clock_ms());
    auto* assignment = to.message.add_items();
    *assignment->mutable_ref()->mutable_task() = said.id();
    assignment->mutable_ref()->set_attempt(1);
    assignment->set_spec(std::move(item.bytes));
  } else if (!said.has_error() && !said.duplicate() && !said.moved()) {
    learn_class(said.task_class(), item.spec);
    queue.mark_ready(said.id().product(), said.task_class(),
                     queue_position{item.spec.priority(), said.id().epoch(),
                                    said.id().sequence()});
    schedule_dispatch();
  }
}

void job_scheduler_state::add_lease(delivery& to, const task_id& task,
                                    uint32_t attempt, const worker_key& who,
                                    const proto::TaskSpec& spec,
                                    int64_t first_leased_ms) {
  auto* kind = kinds.find(spec.kind());
  to.leases.push_back({task, attempt, who.node, who.incarnation,
                       kind ? effective_clocks(spec, *kind) : clocks{},
                       first_leased_ms});
}

void job_scheduler_state::submit_failed(submission& batch, size_t first,
                                        size_t n, const proto::Error& why) {
  for (auto i = first; i < first + n; ++i) {
    auto& item = batch.items[i];
    if (item.claimed)
      queue.claim_settled(*item.claimed, false);
    auto& reply = *batch.reply.mutable_submit()->mutable_items(item.place);
    *reply.mutable_error() = why;
  }
  batch.part_answered();
}

void job_scheduler_state::learn_class(uint32_t number,
                                      const proto::TaskSpec& spec) {
  auto rules = sorted(strings(spec.labels()));
  auto [i, added] = classes.try_emplace({spec.kind(), rules}, number);
  if (added)
    queue.define_class(number, spec.kind(), std::move(rules));
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
  w.credit.pulled(x.free(), x.seen());
  refresh_offer(key);
  schedule_dispatch();
}

void job_scheduler_state::refresh_offer(const worker_key& key) {
  auto i = workers.find(key);
  if (i == workers.end())
    return;
  auto& w = i->second;
  queue.offer(key, w.kinds, w.labels, w.credit.available());
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
    auto n = static_cast<uint32_t>(x.leases.size());
    x.message.set_number(w->second.credit.send(n));
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
    [self](atom::dispatch) { self->state.on_dispatch(); },
  };
}

} // namespace coppice

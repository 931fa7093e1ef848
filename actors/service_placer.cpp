// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/service_placer.hpp"

#include "actors/replies.hpp"
#include "runtime/log.hpp"
#include "runtime/service/service_rules.hpp"
#include "storage/node_list_rows.hpp"
#include "storage/service_tables.hpp"
#include "storage/task_tables.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace coppice {

namespace {

constexpr int64_t max_wait_ms = 10'000;

/// How long the leader of a shard may take to drop a part of a journal.
constexpr auto drop_timeout = std::chrono::seconds{30};

constexpr auto proof_timeout = std::chrono::seconds{20};

} // namespace

// -- initialization -----------------------------------------------------------

result<> service_placer_state::init(service_placer_options xs,
                                    std::shared_ptr<const tables> db,
                                    state_replicator_actor log,
                                    api_actor directory) {
  options = std::move(xs);
  store = std::move(db);
  replicator = std::move(log);
  front = std::move(directory);
  planner.emplace(options.hosts, options.retry, now());
  std::vector<node_entry> nodes;
  auto read = store->read(
    [&](const table_view& view, uint64_t) { nodes = get_list_rows(view); });
  if (!read)
    return read.as_failure();
  for (auto& x : nodes)
    planner->hosts.learn(x);
  if (!reload())
    return error{ec::corrupt_store, "the services cannot be read"};
  self->delayed_send(self, options.tick, atom::tick::value);
  schedule_review();
  return ok();
}

bool service_placer_state::reload() {
  std::vector<proto::ServiceRow> found;
  auto read = store->read([&](const table_view& view, uint64_t) {
    found = get_services(view);
    version = std::max<uint64_t>(get_services_head(view).version(), 1);
    shards = static_cast<uint32_t>(get_shards(view).size());
  });
  if (!read) {
    // Nodes stop what they are not told of: better not to lead than to guess.
    log::error("{} cannot read the services: {}", name,
               to_string(read.error()));
    on_exit();
    self->quit(caf::make_error(caf::sec::runtime_error));
    return false;
  }
  rows = std::move(found);
  return true;
}

bool service_placer_state::has_changed() const {
  auto newest = version;
  auto read = store->read([&](const table_view& view, uint64_t) {
    newest = std::max<uint64_t>(get_services_head(view).version(), 1);
  });
  // That it cannot be read is found by who reads more.
  return !read || newest != version;
}

void service_placer_state::add_configured() {
  configured_waits = false;
  for (auto& spec : options.configured) {
    if (find(spec.name()))
      continue;
    log::info("{} makes service {} of the config file", name, spec.name());
    proto::ServiceRequest x;
    *x.mutable_apply() = spec;
    changes.push_back({std::move(x), {}});
  }
}

// -- handlers -----------------------------------------------------------------

caf::result<proto::Reply> service_placer_state::on_request(proto::Request& x) {
  if (x.has_services())
    return poll(x.services());
  if (x.has_service())
    return change(std::move(*x.mutable_service()));
  return refusal(ec::protocol_violation,
                 "the service placer does not know this request");
}

void service_placer_state::on_nodes(const node_news& x) {
  for (auto& row : *x.rows)
    planner->hosts.learn(row);
  schedule_review();
}

void service_placer_state::on_tick() {
  self->delayed_send(self, options.tick, atom::tick::value);
  planner->hosts.sweep(now());
  std::erase_if(failed_drops, [this](auto& x) {
    return x.first <= now() && dropping.erase(x.second) > 0;
  });
  if (configured_waits && !proposing && reload() && shards > 0)
    add_configured();
  if (!proposing && has_changed() && reload())
    schedule_dispatch();
  schedule_review();
  auto is_due = [&](auto& x) { return x.until <= now(); };
  if (std::any_of(polls.begin(), polls.end(), is_due))
    schedule_dispatch();
}

void service_placer_state::on_exit() {
  auto gone = refusal(ec::not_leader, "this manager does not lead the cluster "
                                      "group any more; ask again");
  for (auto* waiting : {&polls, &asked})
    for (auto& x : std::exchange(*waiting, {}))
      x.answer.deliver(gone);
  for (auto& x : std::exchange(changes, {}))
    if (x.answer.pending())
      x.answer.deliver(gone);
  if (changing.pending())
    changing.deliver(refusal(ec::deadline_exceeded,
                             "this manager does not lead the cluster group any"
                             " more; whether the change took effect is"
                             " unknown"));
}

// -- polls --------------------------------------------------------------------

caf::result<proto::Reply>
service_placer_state::poll(const proto::ServicesRequest& x) {
  if (polls.size() >= options.max_waiting)
    return refusal(ec::overloaded, "too many wait for news of the services; "
                                   "ask again a little later");
  auto wait = std::chrono::milliseconds{
    std::clamp<int64_t>(x.wait_ms(), 0, max_wait_ms)};
  if (!x.node().empty()) {
    wait = std::min(wait, longest_wait(options.hosts));
    if (planner->hosts.heard(x, now()))
      schedule_review();
  }
  if (x.known() == 0)
    wait = {};
  polls.push_back(
    {x.known(), now() + wait, self->make_response_promise<proto::Reply>()});
  if (wait.count() == 0 || x.known() != version)
    schedule_dispatch();
  return polls.back().answer;
}

void service_placer_state::schedule_dispatch() {
  if (!std::exchange(dispatch_scheduled, true))
    self->send(self, atom::dispatch::value);
}

void service_placer_state::on_dispatch() {
  dispatch_scheduled = false;
  if (!asked.empty())
    return; // It goes on when they are answered.
  auto waits = [&](auto& x) { return x.known == version && x.until > now(); };
  auto first = std::partition(polls.begin(), polls.end(), waits);
  if (first == polls.end())
    return;
  asked.assign(std::make_move_iterator(first),
               std::make_move_iterator(polls.end()));
  polls.erase(first, polls.end());
  // An answer renews leases: only who still leads, after it was asked, may.
  self->request(replicator, proof_timeout, atom::barrier::value)
    .then(
      [this](const proto::Outcome& x) {
        answer_asked(x.has_error() ? std::optional{to_error(x.error())}
                                   : std::nullopt);
      },
      [this](const caf::error& why) {
        answer_asked(to_error(lost_read(why)));
      });
}

void service_placer_state::answer_asked(const std::optional<error>& why) {
  for (auto& x : std::exchange(asked, {}))
    x.answer.deliver(why ? refusal(*why) : answer_to(x.known));
  schedule_dispatch();
}

proto::Reply service_placer_state::answer_to(uint64_t known) const {
  proto::Reply reply;
  auto& out = *reply.mutable_services();
  out.set_version(version);
  out.set_lease_ms(options.hosts.lease.count());
  if (known != version)
    out.mutable_services()->Add(rows.begin(), rows.end());
  return reply;
}

// -- changes ------------------------------------------------------------------

caf::result<proto::Reply>
service_placer_state::change(proto::ServiceRequest x) {
  if (changes.size() >= options.max_waiting)
    return refusal(ec::overloaded, "too many changes of services wait; try "
                                   "again a little later");
  changes.push_back(
    {std::move(x), self->make_response_promise<proto::Reply>()});
  schedule_review();
  return changes.back().answer;
}

result<proto::ServiceCommand>
service_placer_state::command_of(const proto::ServiceRequest& x) {
  proto::ServiceCommand out;
  if (x.has_apply()) {
    if (auto checked = check_service(x.apply()); !checked)
      return error{checked.error().code, "service " + x.apply().name() + ": "
                                           + checked.error().message};
    if (shards == 0)
      return error{ec::not_leader, "the first shard is being made; try again"};
    out.set_name(x.apply().name());
    out.set_shard(journal_shard(x.apply().name(), shards));
    *out.mutable_applied() = x.apply();
    return out;
  }
  auto& service = x.has_move() ? x.move() : x.remove();
  auto* row = find(service);
  if (!row)
    return error{ec::not_found, "there is no service " + service
                                  + "; 'coppice service list' lists them"};
  out.set_name(service);
  if (x.has_remove()) {
    out.set_removed(true);
    return out;
  }
  if (!x.has_move())
    return error{ec::protocol_violation,
                 "this version does not know what is to be done"};
  auto places = planner->move(*row, now());
  if (!places)
    return places.error();
  out.set_based_on(row->changed());
  for (auto& place : places.value())
    *out.mutable_placed()->add_places() = place;
  return out;
}

void service_placer_state::begin_change() {
  auto x = std::move(changes.front());
  changes.pop_front();
  changing = std::move(x.answer);
  auto command = command_of(x.what);
  if (!command) {
    answer_change(refusal(command.error()));
    return schedule_review();
  }
  proto::Command out;
  *out.mutable_service() = std::move(command.value());
  proposing = true;
  self->request(replicator, caf::infinite, std::move(out))
    .then(
      [this](proto::Outcome& outcome) {
        proposing = false;
        proto::Reply reply;
        auto& said = *outcome.mutable_service();
        if (outcome.has_error())
          *reply.mutable_error() = std::move(*outcome.mutable_error());
        else if (said.has_error())
          *reply.mutable_error() = std::move(*said.mutable_error());
        else
          *reply.mutable_service()->mutable_service()
            = std::move(*said.mutable_row());
        if (reload())
          answer_change(std::move(reply));
        schedule_dispatch();
        schedule_review();
      },
      [this](const caf::error& why) {
        proposing = false;
        not_before = now() + options.retry_pause;
        answer_change(refusal(to_error(unknown_outcome(why))));
      });
}

void service_placer_state::answer_change(proto::Reply reply) {
  // Nobody waits for those of the config file.
  if (changing.pending())
    changing.deliver(std::move(reply));
  else if (reply.has_error())
    log::warn("{} cannot make a service of the config file: {}", name,
              reply.error().message());
}

// -- steps --------------------------------------------------------------------

void service_placer_state::schedule_review() {
  if (!std::exchange(review_scheduled, true))
    self->send(self, atom::review::value);
}

void service_placer_state::on_review() {
  review_scheduled = false;
  if (proposing || now() < not_before)
    return; // The outcome, or the next tick, goes on.
  if (!changes.empty())
    return begin_change();
  if (auto step = planner->next(rows, dropped, dropping, now()))
    carry_out(*step);
}

void service_placer_state::carry_out(const service_step& x) {
  if (x.kind == service_step::kind_type::drop) {
    dropping.insert(x.service);
    drop_journal(x);
    return schedule_review();
  }
  proto::Command out;
  auto& command = *out.mutable_service();
  command.set_name(x.service);
  command.set_based_on(x.based_on);
  if (x.kind == service_step::kind_type::erase)
    command.set_erased(true);
  else
    command.mutable_placed();
  for (auto& place : x.places)
    *command.mutable_placed()->add_places() = place;
  proposing = true;
  self->request(replicator, caf::infinite, std::move(out))
    .then(
      [this, x](const proto::Outcome& outcome) {
        proposing = false;
        auto& why
          = outcome.has_error() ? outcome.error() : outcome.service().error();
        if (why.code() != 0) {
          log::warn("{} could not change where service {} is, and tries again: "
                    "{}",
                    name, x.service, why.message());
          not_before = now() + options.retry_pause;
        } else {
          for (auto& text : x.notes)
            note(text);
          if (x.kind == service_step::kind_type::erase)
            dropped.erase(x.service);
        }
        reload();
        schedule_dispatch();
        schedule_review();
      },
      [this](const caf::error&) {
        // The log ends or starts again, and this actor with it.
        proposing = false;
        not_before = now() + options.retry_pause;
      });
}

void service_placer_state::drop_journal(const service_step& x) {
  proto::Request out;
  auto& journal = *out.mutable_journal();
  journal.set_shard(x.shard);
  journal.mutable_change()->set_service(x.number);
  journal.mutable_change()->set_drop(true);
  self->request(front, drop_timeout, std::move(out))
    .then([this, x](const proto::Reply& reply) { on_dropped(x, reply); },
          [this, x](const caf::error& why) {
            on_dropped(x, refusal(to_error(unknown_outcome(why))));
          });
}

void service_placer_state::on_dropped(const service_step& x,
                                      const proto::Reply& reply) {
  if (!reply.has_error() && reply.journal().has_head())
    return drop_journal(x); // A part of it.
  if (!reply.has_error()) {
    dropping.erase(x.service);
    dropped.insert(x.service);
    return schedule_review();
  }
  log::warn("{} cannot drop the journal of service {} and tries again: {}",
            name, x.service, reply.error().message());
  failed_drops.emplace_back(now() + options.retry_pause, x.service);
}

void service_placer_state::note(const std::string& text) {
  log::info("{}: {}", name, text);
  proto::Command out;
  out.mutable_note()->set_text(text);
  self->request(replicator, caf::infinite, std::move(out))
    .then([](const proto::Outcome&) { /* Words only. */ },
          [](const caf::error&) { /* As above. */ });
}

const proto::ServiceRow*
service_placer_state::find(const std::string& service) const {
  for (auto& row : rows)
    if (row.spec().name() == service)
      return &row;
  return nullptr;
}

// -- service_placer -----------------------------------------------------------

service_placer_impl::behavior_type
service_placer(service_placer_impl::stateful_pointer<service_placer_state> self,
               service_placer_options options,
               std::shared_ptr<const tables> store,
               state_replicator_actor replicator, api_actor front) {
  auto started = self->state.init(std::move(options), std::move(store),
                                  std::move(replicator), std::move(front));
  if (!started) {
    log::error("{} cannot start: {}", self->state.name,
               to_string(started.error()));
    self->quit(caf::make_error(caf::sec::runtime_error));
    return service_placer_impl::behavior_type::make_empty_behavior();
  }
  self->set_exit_handler([self](caf::exit_msg& x) {
    self->state.on_exit();
    self->quit(x.reason);
  });
  return {
    [self](proto::Request& x) { return self->state.on_request(x); },
    [self](const node_news& x) { self->state.on_nodes(x); },
    [self](atom::dispatch) { self->state.on_dispatch(); },
    [self](atom::review) { self->state.on_review(); },
    [self](atom::tick) { self->state.on_tick(); },
  };
}

} // namespace coppice

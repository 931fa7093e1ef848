// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/group.hpp"

#include "actors/replies.hpp"
#include "runtime/log.hpp"
#include "storage/task_tables.hpp"

#include <caf/actor_cast.hpp>

#include <algorithm>
#include <utility>

namespace coppice {

namespace {

/// Pause before it is looked again whether somebody still uses the tables.
constexpr auto reopen_pause = std::chrono::milliseconds{20};

} // namespace

// -- initialization -----------------------------------------------------------

void group_state::init(group_options xs, group_contacts ys,
                       std::shared_ptr<log_store> log,
                       std::shared_ptr<tables> db) {
  options = std::move(xs);
  contacts = std::move(ys);
  log_disk = std::move(log);
  store = std::move(db);
  policy.emplace(options.borne);
  policy->add({"leadership"});
  lead.group = options.replicate.group;
  options.follow.group = options.accept.group = lead.group;
  start_replicator();
}

void group_state::start_replicator() {
  auto start = [this](auto spawn_options) {
    return self->spawn<decltype(spawn_options)::value>(
      state_replicator, options.replicate, log_disk, store);
  };
  using detached
    = std::integral_constant<caf::spawn_options, caf::detached + caf::linked>;
  using ordinary = std::integral_constant<caf::spawn_options, caf::linked>;
  replicator = options.threads ? start(detached{}) : start(ordinary{});
  lead.replicator = replicator;
  replicator_since_ms = wall_clock_ms();
  // Not by the link: who is sent an exit by an actor is not linked to it then.
  self->monitor(replicator);
  self->send(replicator, caf::actor_cast<lead_listener>(self));
  if (facts)
    self->send(replicator, *facts);
  if (contacts.links)
    self->send(contacts.links,
               own_replica{
                 options.replicate.group,
                 caf::actor_cast<peer_actor>(replicator),
                 caf::actor_cast<decltype(own_replica::replicator)>(replicator),
                 is_cluster() ? lineage() : std::nullopt});
  tell_directory();
}

std::optional<uint64_t> group_state::lineage() const {
  std::optional<uint64_t> result;
  if (!options.replicate.raft.voters.empty())
    result = 0; // It founds the cluster, or goes on with one.
  auto read = store->read([&](const table_view& view, uint64_t applied) {
    if (applied != 0)
      result = lineage_of(view);
  });
  if (!read)
    log::error("{} cannot read its tables: {}", options.replicate.group,
               read.error().message);
  return result;
}

void group_state::tell_directory() {
  auto x = lead;
  x.leads = term != 0;
  if (is_cluster() && replicator)
    x.store = store;
  self->send(contacts.directory, std::move(x));
}

// -- handlers -----------------------------------------------------------------

void group_state::on_lead(const lead_change& x) {
  group_lead news{options.replicate.group, x};
  lead.term = x.term;
  if (contacts.links)
    self->send(contacts.links, news);
  if (contacts.observer)
    self->send(contacts.observer, news);
  newest = x;
  if (!x.ready || x.term != resume_term)
    resume_term = 0;
  if (term != 0 && (!x.ready || x.term != term)) {
    log::info("{} is not led by this manager any more",
              options.replicate.group);
    cease_to_lead();
  }
  if (x.ready && term == 0 && resume_term == 0) {
    term = x.term;
    begin_to_lead();
  }
  if (lead.tracker)
    self->send(lead.tracker, x);
  tell_directory();
}

void group_state::on_roster(group_roster& x) {
  if (contacts.links)
    self->send(contacts.links, x);
  if (contacts.observer)
    self->send(contacts.observer, std::move(x));
}

void group_state::on_facts(cluster_facts& x) {
  if (replicator)
    self->send(replicator, x);
  if (lead.tracker)
    self->send(lead.tracker, x);
  facts = std::move(x);
}

void group_state::begin_to_lead() {
  log::info("{} is led by this manager in term {}", options.replicate.group,
            term);
  lead_since_ms = wall_clock_ms();
  if (is_cluster()) {
    // Nothing may make it deaf for long: it would take nodes for silent.
    lead.centre = options.threads ? self->spawn<caf::detached + caf::linked>(
                    information_centre, options.observe, store, replicator)
                                  : self->spawn<caf::linked>(information_centre,
                                                             options.observe,
                                                             store, replicator);
    lead.placer
      = self->spawn<caf::linked>(service_placer, options.place, store,
                                 replicator, api_actor{contacts.directory});
    if (contacts.monitor)
      self->send(contacts.monitor, caf::actor_cast<node_listener>(lead.placer));
    lead.regenerator
      = self->spawn<caf::linked>(regenerator, options.regenerate, store,
                                 caf::actor_cast<proposer_actor>(lead.centre));
    return;
  }
  lead.tracker
    = self->spawn<caf::linked>(task_tracker, options.follow, store, replicator);
  lead.scheduler = self->spawn<caf::linked>(job_scheduler, options.accept,
                                            store, replicator, lead.tracker);
  lead.journals
    = self->spawn<caf::linked>(service_store, lead.group, store, replicator);
  client_desk_options serve;
  serve.group = lead.group;
  serve.lease = options.follow.lease;
  lead.desk = caf::actor_cast<api_actor>(self->spawn<caf::linked>(
    client_desk, serve, store, lead.tracker, lead.scheduler));
  if (facts)
    self->send(lead.tracker, *facts);
  if (!contacts.monitor)
    return;
  self->send(contacts.monitor, caf::actor_cast<node_listener>(lead.tracker));
  self->send(contacts.monitor, caf::actor_cast<node_listener>(lead.scheduler));
}

void group_state::cease_to_lead() {
  term = 0;
  if (lead.tracker) // It has nothing to begin any more.
    self->send(lead.tracker, lead_change{});
  auto former = lead;
  lead.desk = nullptr;
  lead.scheduler = nullptr;
  lead.tracker = nullptr;
  lead.centre = nullptr;
  lead.journals = nullptr;
  lead.placer = nullptr;
  lead.regenerator = nullptr;
  // They are told that what is under way failed, and pass that on.
  retired.emplace(++retirements, std::move(former));
  self->delayed_send(self, options.grace, atom::retire::value, retirements);
}

void group_state::on_retire(uint64_t number) {
  auto former = retired.extract(number);
  if (!former.empty())
    stop(former.mapped(), caf::exit_reason::user_shutdown);
}

void group_state::on_exit(const caf::exit_msg& x) {
  if (x.reason == superseded())
    return; // See on_down.
  auto came_from
    = [&](auto& child) { return child.second.address() == x.source; };
  if (!replicator || x.source == replicator.address()) {
    self->quit(x.reason); // Takes all others along.
    return;
  }
  auto children = children_of(lead);
  auto child = std::find_if(children.begin(), children.end(), came_from);
  if (child != children.end() && !stopping)
    return on_lead_failure(child->first, x.reason);
  for (auto& [number, former] : retired) {
    auto xs = children_of(former);
    if (std::any_of(xs.begin(), xs.end(), came_from))
      return; // It was about to end.
  }
  // The replicator last: the others tell it what they know. Its end is ours.
  stopping = true;
  stop(lead, x.reason);
  for (auto& [number, former] : retired)
    stop(former, x.reason);
  self->send_exit(replicator, x.reason);
}

void group_state::on_down(const caf::down_msg& x) {
  if (!replicator || x.source != replicator.address()) {
    if (ending.erase(x.source) > 0)
      resume_lead();
    return;
  }
  if (x.reason != superseded() || stopping) {
    self->quit(x.reason);
    return;
  }
  former_store = std::exchange(store, nullptr);
  replicator = nullptr;
  lead.replicator = nullptr;
  tell_directory(); // It must let go of the tables.
  on_reopen();
}

void group_state::on_reopen() {
  if (!former_store.expired()) {
    self->delayed_send(self, reopen_pause, atom::reopen::value);
    return;
  }
  auto opened = options.reopen();
  if (!opened) {
    log::error("{} cannot open its tables: {}", options.replicate.group,
               opened.error().message);
    self->quit(caf::make_error(caf::sec::runtime_error));
    return;
  }
  store = std::move(opened.value());
  start_replicator();
}

void group_state::stop(const lead_info& x, const caf::error& why) {
  for (auto& [unused, child] : children_of(x)) {
    self->unlink_from(child.address());
    if (ending.insert(child.address()).second)
      self->monitor(child);
    self->send_exit(child, why);
  }
}

// -- group --------------------------------------------------------------------

group_impl::behavior_type group(group_impl::stateful_pointer<group_state> self,
                                group_options options, group_contacts contacts,
                                std::shared_ptr<log_store> log,
                                std::shared_ptr<tables> store) {
  self->state.init(std::move(options), std::move(contacts), std::move(log),
                   std::move(store));
  self->set_exit_handler([self](caf::exit_msg& x) { self->state.on_exit(x); });
  self->set_down_handler(
    [self](const caf::down_msg& x) { self->state.on_down(x); });
  return {
    [self](const lead_change& x) { self->state.on_lead(x); },
    [self](group_roster& x) { self->state.on_roster(x); },
    [self](cluster_facts& x) { self->state.on_facts(x); },
    [self](atom::transfer, uint64_t to) {
      if (self->state.replicator)
        self->send(self->state.replicator, atom::transfer::value, to);
    },
    [self](atom::retire, uint64_t number) { self->state.on_retire(number); },
    [self](atom::reopen) { self->state.on_reopen(); },
    [self](const proto::Request& x) { return self->state.on_request(x); },
  };
}

} // namespace coppice

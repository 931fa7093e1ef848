// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/peer_links.hpp"

#include "actors/replies.hpp"
#include "config/values.hpp"
#include "runtime/group_name.hpp"
#include "runtime/log.hpp"
#include "storage/consensus/membership.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <set>
#include <utility>

namespace coppice {

namespace {

/// CAF's own handshake has no deadline: this is added to that of the dial.
constexpr auto slack = std::chrono::milliseconds{500};

/// How long a manager may take to introduce itself.
constexpr auto hello_timeout = std::chrono::seconds{5};

} // namespace

// -- initialization -----------------------------------------------------------

void peer_links_state::init(peer_links_options xs, local_directory_actor here) {
  options = std::move(xs);
  directory = std::move(here);
  for (auto& x : options.managers)
    add_peer(x.node, x.address);
  self->delayed_send(self, options.refresh, atom::tick::value);
}

void peer_links_state::add_peer(const std::string& whom,
                                const host_port& address) {
  if (whom == options.node || peers.count(whom) != 0)
    return;
  auto& to = peers[whom];
  to.address = address;
  if (options.node < whom) {
    to.middleman = options.make_dialler();
    middlemen->push_back(to.middleman);
    self->send(self, atom::dial::value, whom);
  }
}

void peer_links_state::drop_peer(const std::string& whom) {
  auto i = peers.find(whom);
  if (i == peers.end())
    return;
  if (i->second.directory)
    self->demonitor(i->second.directory.address());
  disconnect(i->second);
  if (i->second.middleman)
    self->send_exit(i->second.middleman, caf::exit_reason::kill);
  peers.erase(i);
}

// -- handlers -----------------------------------------------------------------

caf::result<proto::ManagerHello, peer_actors>
peer_links_state::on_hello(const proto::ManagerHello& x,
                           const caf::strong_actor_ptr& from,
                           const peer_actors& theirs) {
  auto answer = introduction();
  std::optional<error> wrong
    = error{ec::protocol_violation, "it names no directory"};
  if (from)
    wrong = learn(x, caf::actor_cast<directory_actor>(from), theirs);
  if (wrong) {
    log::warn("{} refuses a manager: {}", name, wrong->message);
    answer = {};
    set_error(*answer.mutable_error(), *wrong);
  }
  auto promise
    = self->make_response_promise<proto::ManagerHello, peer_actors>();
  promise.deliver(std::move(answer), wrong ? peer_actors{} : own());
  return promise;
}

void peer_links_state::on_dial(const std::string& whom) {
  if (peers.count(whom) == 0 || peers.at(whom).directory)
    return;
  auto& to = peers.at(whom);
  auto failed
    = [this, whom](const caf::error&) { dial_later(whom, options.retry); };
  self
    ->request(to.middleman, caf::duration{options.patience + slack},
              caf::connect_atom::value, to.address.host, to.address.port)
    .then(
      [this, whom, failed](const caf::node_id&, caf::strong_actor_ptr& found,
                           const std::set<std::string>& interface) {
        if (peers.count(whom) == 0)
          return;
        auto wanted = self->system().message_types<directory_actor>();
        if (!found || !self->system().assignable(interface, wanted)) {
          log::warn("{} finds no manager of its version at {}", name,
                    to_string(peers.at(whom).address));
          return failed({});
        }
        introduce(whom, caf::actor_cast<directory_actor>(found));
      },
      failed);
}

void peer_links_state::on_replica(own_replica& x) {
  if (x.group == cluster_group)
    options.blank = false;
  replicas[x.group] = std::move(x);
  introduce_to_all();
}

void peer_links_state::on_tick() {
  self->delayed_send(self, options.refresh, atom::tick::value);
  introduce_to_all();
}

void peer_links_state::on_roster(group_roster& x) {
  members[x.group] = std::move(x.members);
  if (x.group == cluster_group)
    managers = std::move(x.managers);
  for (auto& row : managers) {
    // Who was removed is spoken to until it is no member any more: it may lead.
    if (row.removed() && !is_member(row.name())) {
      if (peers.count(row.name()) != 0)
        log::info("{} forgets the manager {}, who was removed", name,
                  row.name());
      drop_peer(row.name());
    } else if (auto address = parse_host_port(row.address())) {
      add_peer(row.name(), address.value());
    }
  }
  tell_leaders();
}

bool peer_links_state::is_member(const std::string& whom) const {
  for (auto& [group, ids] : members)
    for (auto id : ids)
      if (tag_of(id) == manager_tag(whom))
        return true;
  return false;
}

void peer_links_state::on_lead(const group_lead& x) {
  leads[x.group] = x.lead;
  turns.erase(x.group);
  tell_leaders();
}

caf::result<directory_actor>
peer_links_state::on_connect(const std::string& group) {
  auto lead = leads.find(group);
  auto leader = lead == leads.end() ? 0 : lead->second.leader;
  std::vector<directory_actor> xs;
  if (leader == options.member)
    xs.push_back(directory);
  for (auto& [whom, x] : peers)
    if (x.directory && x.hello)
      xs.insert(x.hello->member() == leader ? xs.begin() : xs.end(),
                x.directory);
  if (xs.empty())
    return caf::make_error(caf::sec::cannot_connect_to_node);
  // Who asks again was told that this one does not lead.
  return xs[turns[group]++ % xs.size()];
}

caf::result<founding> peer_links_state::on_found() {
  waiting.push_back(self->make_response_promise<founding>());
  auto result = waiting.back();
  try_found();
  return result;
}

reachable_members peer_links_state::on_reachable() const {
  reachable_members result;
  for (auto& [whom, x] : peers)
    if (x.hello)
      result.ids.push_back(x.hello->member());
  return result;
}

void peer_links_state::on_down(const caf::down_msg& x) {
  for (auto& [whom, to] : peers) {
    if (!to.directory || to.directory.address() != x.source)
      continue;
    log::info("{} has lost the manager {}", name, whom);
    disconnect(to);
    if (to.middleman)
      dial_later(whom, options.retry);
  }
}

// -- parts of the handlers ----------------------------------------------------

void peer_links_state::disconnect(peer& x) {
  if (x.hello)
    for (auto& [group, own] : replicas)
      self->send(own.replicator, peer_link_state{x.hello->member(), {}});
  x.directory = nullptr;
  x.hello.reset();
  // A handle that comes again is equal to the old one, which is dead.
  tell_leaders();
}

void peer_links_state::link_replicas(const proto::ManagerHello& x,
                                     const peer_actors& theirs) {
  for (auto i = 0; i < x.groups_size(); ++i) {
    auto own = replicas.find(x.groups(i));
    auto place = static_cast<size_t>(i);
    if (own != replicas.end() && place < theirs.size() && theirs[place])
      self->send(own->second.replicator,
                 peer_link_state{x.member(), theirs[place]});
  }
}

std::optional<uint64_t> peer_links_state::lineage() const {
  auto own = replicas.find(cluster_group);
  return own == replicas.end() ? std::nullopt : own->second.lineage;
}

proto::ManagerHello peer_links_state::introduction() const {
  proto::ManagerHello x;
  x.set_node(options.node);
  x.set_cluster(options.cluster);
  x.set_member(options.member);
  x.set_incarnation(options.incarnation);
  x.set_protocol(protocol_version);
  x.set_blank(options.blank);
  x.mutable_founders()->Add(options.founders.begin(), options.founders.end());
  for (auto& [group, own] : replicas)
    x.add_groups(group);
  if (auto own = lineage())
    x.set_lineage(*own);
  return x;
}

std::optional<error> peer_links_state::learn(const proto::ManagerHello& x,
                                             const directory_actor& from,
                                             const peer_actors& theirs) {
  auto i = peers.find(x.node());
  if (i == peers.end())
    return error{ec::invalid_argument,
                 "manager '" + x.node() + "' is not in cluster.managers"};
  if (x.cluster() != options.cluster)
    return error{ec::invalid_argument,
                 other_cluster(options.cluster, x.node(), x.cluster())};
  if (x.protocol() != protocol_version)
    return error{ec::protocol_violation,
                 "manager " + x.node() + " speaks protocol "
                   + std::to_string(x.protocol()) + ", this one speaks "
                   + std::to_string(protocol_version)};
  if (x.member() == options.member || x.member() == 0)
    return error{ec::conflict, "manager " + x.node()
                                 + " has the member number of this one: was "
                                   "its data folder copied?"};
  auto& to = i->second;
  auto own_lineage = lineage();
  if (x.has_lineage() && own_lineage && x.lineage() != *own_lineage) {
    // It may have been accepted before one of the states was known.
    if (to.directory)
      self->demonitor(to.directory.address());
    disconnect(to);
    return error{ec::conflict,
                 "managers " + options.node + " and " + x.node()
                   + " have the states of different clusters, for one of them "
                     "was restored from a backup without the other: stop the "
                     "one that is not to be, and remove its data folder"};
  }
  if (!to.directory)
    log::info("{} is connected to the manager {}", name, x.node());
  if (to.directory != from) {
    if (to.directory)
      self->demonitor(to.directory.address());
    disconnect(to);
    to.directory = from;
    self->monitor(to.directory);
  }
  to.hello = x;
  link_replicas(x, theirs);
  try_found();
  tell_leaders();
  return std::nullopt;
}

void peer_links_state::tell_leaders() {
  for (auto& [group, lead] : leads) {
    leader_address now;
    now.group = group;
    for (auto& [whom, x] : peers)
      if (x.hello && x.hello->member() == lead.leader) {
        now.node = whom;
        now.address = to_string(x.address);
        now.directory = x.directory;
      }
    if (now == told[group])
      continue;
    told[group] = now;
    self->send(directory, std::move(now));
  }
}

void peer_links_state::introduce_to_all() {
  for (auto& [whom, to] : peers)
    if (to.directory)
      introduce(whom, to.directory);
}

void peer_links_state::introduce(const std::string& whom,
                                 const directory_actor& to) {
  self
    ->request(to, caf::duration{hello_timeout}, introduction(),
              caf::actor_cast<caf::strong_actor_ptr>(directory), own())
    .then(
      [this, whom, to](const proto::ManagerHello& x,
                       const peer_actors& theirs) {
        auto wrong = x.has_error() ? to_error(x.error()) : error{};
        if (!x.has_error() && x.node() != whom)
          wrong = {ec::conflict, "there is manager '" + x.node() + "'"};
        else if (!x.has_error())
          if (auto why = learn(x, to, theirs))
            wrong = *why;
        if (wrong.message.empty())
          return;
        log::warn("{} is refused by the manager {}: {}", name, whom,
                  wrong.message);
        refused(whom);
      },
      [this, whom](const caf::error&) { dial_later(whom, options.retry); });
}

void peer_links_state::refused(const std::string& whom) {
  auto to = peers.find(whom);
  if (to == peers.end())
    return;
  // Not again with the next tick: that would fill both logs.
  if (to->second.directory)
    self->demonitor(to->second.directory.address());
  disconnect(to->second);
  dial_later(whom, options.retry_refused);
}

void peer_links_state::dial_later(const std::string& whom,
                                  std::chrono::milliseconds pause) {
  auto to = peers.find(whom);
  if (to != peers.end() && to->second.middleman)
    self->delayed_send(self, pause, atom::dial::value, whom);
}

std::optional<founding> peer_links_state::how_to_begin() const {
  founding all{{options.member}};
  auto exists = false;
  for (auto& [whom, x] : peers) {
    if (!x.hello)
      continue;
    auto& founders = x.hello->founders();
    // Another founder was faster; without this one it might never lead.
    if (std::find(founders.begin(), founders.end(), options.member)
        != founders.end())
      return founding{{founders.begin(), founders.end()}};
    exists = exists || !x.hello->blank();
    all.voters.push_back(x.hello->member());
  }
  if (exists)
    return founding{};
  if (all.voters.size() <= peers.size())
    return std::nullopt; // Not all are there.
  std::sort(all.voters.begin(), all.voters.end());
  return all;
}

void peer_links_state::try_found() {
  if (waiting.empty())
    return;
  auto result = how_to_begin();
  if (!result)
    return;
  options.founders = result->voters;
  for (auto& x : std::exchange(waiting, {}))
    x.deliver(*result);
}

peer_actors peer_links_state::own() const {
  peer_actors result;
  for (auto& [group, own] : replicas)
    result.push_back(own.replica);
  return result;
}

// -- peer_links ---------------------------------------------------------------

peer_links_impl::behavior_type
peer_links(peer_links_impl::stateful_pointer<peer_links_state> self,
           peer_links_options options, local_directory_actor directory) {
  self->state.init(std::move(options), std::move(directory));
  self->set_down_handler(
    [self](const caf::down_msg& x) { self->state.on_down(x); });
  // A middleman ignores all reasons but this one.
  self->attach_functor([middlemen = self->state.middlemen] {
    for (auto& x : *middlemen)
      caf::anon_send_exit(x, caf::exit_reason::kill);
  });
  return {
    [self](caf::connect_atom, const std::string& group) {
      return self->state.on_connect(group);
    },
    [self](const proto::ManagerHello& x, const caf::strong_actor_ptr& from,
           const peer_actors& replicas) {
      return self->state.on_hello(x, from, replicas);
    },
    [self](atom::tick) { self->state.on_tick(); },
    [self](own_replica& x) { self->state.on_replica(x); },
    [self](group_roster& x) { self->state.on_roster(x); },
    [self](const group_lead& x) { self->state.on_lead(x); },
    [self](atom::reachable) { return self->state.on_reachable(); },
    [self](atom::found) { return self->state.on_found(); },
    [self](atom::dial, const std::string& whom) { self->state.on_dial(whom); },
  };
}

} // namespace coppice

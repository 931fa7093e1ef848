// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/manager.hpp"

#include "actors/replies.hpp"
#include "actors/tree_report.hpp"
#include "runtime/group_name.hpp"
#include "runtime/log.hpp"
#include "storage/consensus/lead_balance.hpp"
#include "storage/consensus/membership.hpp"
#include "storage/task_tables.hpp"

#include <caf/actor_cast.hpp>

#include <algorithm>
#include <utility>

namespace coppice {

namespace {

bool contains(const std::vector<uint64_t>& xs, uint64_t x) {
  return std::find(xs.begin(), xs.end(), x) != xs.end();
}

} // namespace

result<opened_groups> open_groups(const std::filesystem::path& dir,
                                  size_t map_size_bytes) {
  opened_groups opened;
  auto open = [&](const std::string& group) -> result<> {
    auto x = open_group(dir / group, map_size_bytes);
    if (!x)
      return x.as_failure();
    opened.emplace(group, std::move(x.value()));
    return ok();
  };
  if (auto done = open(cluster_group); !done)
    return done.as_failure();
  auto shards = opened.at(cluster_group)
                  .store->read([](const table_view& view, uint64_t) {
                    return get_shards(view);
                  });
  if (!shards)
    return shards.as_failure();
  for (auto& x : shards.value())
    if (auto done = open(shard_group(x.number())); !done)
      return done.as_failure();
  return opened;
}

// -- initialization -----------------------------------------------------------

void manager_state::init(manager_options xs, group_contacts ys,
                         opened_groups zs) {
  options = std::move(xs);
  contacts = std::move(ys);
  contacts.observer = caf::actor_cast<group_observer>(self);
  opened = std::move(zs);
  facts.managers = options.groups.replicate.managers;
  self->delayed_send(self, options.balance, atom::tick::value);
  auto& cluster = opened.at(cluster_group);
  if (!cluster.blank() || !contacts.links) {
    auto shards = cluster.store->read(
      [](const table_view& view, uint64_t) { return get_shards(view); });
    start(cluster_group, {options.member});
    if (shards)
      start_shards(shards.value());
    return;
  }
  log::info("{} waits for the other managers to found the cluster", name);
  self->request(contacts.links, caf::infinite, atom::found::value)
    .then([this](const founding& x) {
      if (x.voters.empty())
        log::info("{} finds a cluster and waits to be taken in", name);
      start(cluster_group, x.voters);
    });
}

void manager_state::start(const std::string& group,
                          const std::vector<uint64_t>& founders) {
  if (stopping || parts.count(group) != 0)
    return;
  auto found = opened.extract(group);
  if (found.empty()) {
    auto made = open_group(options.dir / group, options.map_size_bytes);
    if (!made) {
      log::error("{} cannot open {}: {}", name, group, to_string(made.error()));
      self->quit(caf::make_error(caf::sec::runtime_error));
      return;
    }
    opened.emplace(group, std::move(made.value()));
    found = opened.extract(group);
  }
  auto& storage = found.mapped();
  auto own = options.groups;
  own.replicate.group = group;
  own.replicate.dir = storage.folder;
  own.replicate.raft.id = options.member;
  own.replicate.raft.voters
    = contains(founders, options.member) ? founders : std::vector<uint64_t>{};
  if (group == cluster_group)
    own.replicate.managers = options.groups.replicate.managers;
  else
    own.replicate.managers = facts.managers;
  own.reopen
    = [where = group_storage{storage.folder, storage.map_size_bytes, nullptr,
                             nullptr}] { return reopen_tables(where); };
  auto hdl = self->spawn(coppice::group, std::move(own), contacts,
                         std::move(storage.log), std::move(storage.store));
  self->monitor(hdl);
  parts[group].handle = hdl;
  parts[group].since_ms = wall_clock_ms();
}

void manager_state::start_shards(const std::vector<proto::ShardRow>& xs) {
  for (auto& x : xs)
    start(shard_group(x.number()), {x.founders().begin(), x.founders().end()});
}

// -- handlers -----------------------------------------------------------------

void manager_state::on_roster(const group_roster& x) {
  parts[x.group].members = x.members;
  if (x.group != cluster_group)
    return;
  facts.managers = x.managers;
  facts.shards = static_cast<uint32_t>(x.shards.size());
  start_shards(x.shards);
  for (auto& [group, part] : parts)
    if (group != cluster_group && part.handle)
      self->send(part.handle, facts);
}

void manager_state::on_lead(const group_lead& x) {
  auto& part = parts[x.group];
  part.lead = x.lead;
  if (!x.lead.ready)
    part.since.reset();
  else if (!part.since)
    part.since = self->clock().now();
}

void manager_state::on_tick() {
  self->delayed_send(self, options.balance, atom::tick::value);
  if (!contacts.links || stopping)
    return;
  self->request(contacts.links, options.balance, atom::reachable::value)
    .then([this](const reachable_members& x) { balance(x.ids); },
          [](const caf::error&) { /* The next tick asks again. */ });
}

std::vector<uint64_t>
manager_state::heirs(const member_of& part,
                     const std::vector<uint64_t>& reachable) const {
  std::vector<uint64_t> out;
  for (auto member : part.members)
    if (member != options.member && contains(reachable, member)
        && closing.count(tag_of(member)) == 0)
      out.push_back(member);
  return out;
}

caf::result<proto::Reply> manager_state::on_request(const proto::Request& x) {
  if (!x.has_tree())
    return refusal(ec::protocol_violation,
                   "the manager does not know this request");
  std::vector<known_part> known;
  for (auto& [group, part] : parts)
    known.push_back(running_part(
      group, caf::actor_cast<caf::actor>(part.handle), part.since_ms, true));
  return self->delegate(
    caf::actor_cast<api_actor>(self->spawn(tree_report, std::move(known))), x);
}

void manager_state::balance(const std::vector<uint64_t>& reachable) {
  lead_facts known;
  known.self = options.member;
  auto now = self->clock().now();
  for (auto& [group, part] : parts) {
    if (part.lead.leader == 0)
      return; // It is not clear yet who leads how much.
    ++known.leads[part.lead.leader];
    if (!part.since || now < *part.since + options.settled)
      continue;
    known.movable.push_back({group, heirs(part, reachable)});
  }
  auto move = next_lead_move(known);
  if (!move)
    return;
  log::info("{} hands the lead of {} over, so that all managers lead about as "
            "much",
            name, move->group);
  auto& part = parts[move->group];
  part.since = now; // Should it fail, it is not tried again at once.
  self->send(part.handle, atom::transfer::value, move->to);
}

caf::result<uint32_t> manager_state::on_hand_over() {
  if (!contacts.links || stopping)
    return uint32_t{0};
  auto promise = self->make_response_promise<uint32_t>();
  self->request(contacts.links, options.balance, atom::reachable::value)
    .then(
      [this, promise](const reachable_members& x) mutable {
        promise.deliver(hand_over(x.ids));
      },
      [promise](caf::error& why) mutable { promise.deliver(std::move(why)); });
  return promise;
}

uint32_t manager_state::hand_over(const std::vector<uint64_t>& reachable) {
  uint32_t out = 0;
  for (auto& [group, part] : parts) {
    if (!part.lead.ready || !part.handle)
      continue;
    auto others = heirs(part, reachable);
    if (others.empty())
      continue;
    ++out;
    auto now = self->clock().now();
    if (part.handed && now < *part.handed + options.balance)
      continue; // It takes an election.
    part.handed = now;
    log::info("{} hands the lead of {} over, to be cut back", name, group);
    // One that does not vote, or lags, does not take it: the next one may.
    self->send(part.handle, atom::transfer::value,
               others[handed_over++ % others.size()]);
  }
  return out;
}

void manager_state::on_nodes(const node_news& x) {
  for (auto& row : *x.rows) {
    auto tag = manager_tag(row.start.node);
    if (row.regeneration && row.regeneration->phase < proto::RESTORE)
      closing.insert(tag);
    else
      closing.erase(tag);
  }
}

void manager_state::on_exit(const caf::exit_msg& x) {
  if (std::exchange(stopping, true))
    return;
  stop_reason = x.reason;
  auto alive = false;
  for (auto& [group, part] : parts)
    if (part.handle) {
      self->send_exit(part.handle, x.reason);
      alive = true;
    }
  if (!alive)
    self->quit(x.reason);
}

void manager_state::on_down(const caf::down_msg& x) {
  auto alive = false;
  for (auto& [group, part] : parts) {
    if (part.handle && part.handle.address() == x.source)
      part.handle = nullptr;
    alive = alive || part.handle;
  }
  if (!stopping)
    self->quit(x.reason);
  else if (!alive)
    self->quit(stop_reason);
}

// -- manager ------------------------------------------------------------------

manager_impl::behavior_type
manager(manager_impl::stateful_pointer<manager_state> self,
        manager_options options, group_contacts contacts,
        opened_groups opened) {
  self->set_exit_handler(
    [self](const caf::exit_msg& x) { self->state.on_exit(x); });
  self->set_down_handler(
    [self](const caf::down_msg& x) { self->state.on_down(x); });
  self->state.init(std::move(options), std::move(contacts), std::move(opened));
  return {
    [self](const group_lead& x) { self->state.on_lead(x); },
    [self](const group_roster& x) { self->state.on_roster(x); },
    [self](atom::transfer) { return self->state.on_hand_over(); },
    [self](const node_news& x) { self->state.on_nodes(x); },
    [self](atom::tick) { self->state.on_tick(); },
    [self](const proto::Request& x) { return self->state.on_request(x); },
  };
}

} // namespace coppice

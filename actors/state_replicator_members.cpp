// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/replies.hpp"
#include "actors/state_replicator.hpp"
#include "actors/task_reads.hpp"
#include "config/values.hpp"
#include "runtime/log.hpp"
#include "storage/consensus/membership.hpp"
#include "storage/task_tables.hpp"

#include <algorithm>
#include <utility>

namespace coppice {

namespace {

using roster_rows = std::vector<proto::ManagerRow>;

const proto::ManagerRow* find(const roster_rows& xs, std::string_view name) {
  auto i = std::find_if(xs.begin(), xs.end(),
                        [&](auto& x) { return x.name() == name; });
  return i == xs.end() ? nullptr : &*i;
}

proto::Manager& add_manager(proto::ManagersReply& out, uint64_t member) {
  for (auto& x : *out.mutable_managers())
    if (x.member() == 0 && manager_tag(x.name()) == tag_of(member)) {
      x.set_member(member);
      return x;
    }
  auto& x = *out.add_managers();
  x.set_member(member);
  return x;
}

} // namespace

// -- the roster ---------------------------------------------------------------

std::vector<proto::ManagerRow> state_replicator_state::roster() const {
  if (!is_cluster())
    return options.managers;
  manager_sources known{options.managers, {}};
  auto read = store->read([&](const table_view& view, uint64_t) {
    known.stored = get_managers(view);
  });
  if (!read)
    log::error("{} cannot read the managers: {}", options.group,
               read.error().message);
  return known_managers(std::move(known));
}

void state_replicator_state::note_roster(const proto::Entry& x) {
  for (auto& command : x.commands())
    roster_changed
      = roster_changed || command.has_manager() || command.has_shard();
}

void state_replicator_state::tell_roster() {
  auto members = member->members();
  if (!members)
    return;
  group_roster x;
  x.group = options.group;
  for (auto& y : members.value())
    x.members.push_back(y.id);
  if (is_cluster()) {
    x.managers = roster();
    auto read = store->read(
      [&](const table_view& view, uint64_t) { x.shards = get_shards(view); });
    if (!read)
      log::error("{} cannot read the shards: {}", options.group,
                 read.error().message);
  }
  self->send(listener, std::move(x));
}

// -- requests -----------------------------------------------------------------

caf::result<proto::Reply>
state_replicator_state::on_request(const proto::Request& x) {
  switch (x.kind_case()) {
    case proto::Request::kManagers:
      return show_managers();
    case proto::Request::kManager:
      return change_manager(x.manager());
    case proto::Request::kBackup:
      return on_backup(x.backup());
    case proto::Request::kList:
    case proto::Request::kGet:
      return stale_tasks(x);
    default:
      return refusal(ec::protocol_violation,
                     "the state replicator does not know this request");
  }
}

proto::Reply
state_replicator_state::stale_tasks(const proto::Request& x) const {
  auto nothing = [](const task_id&, proto::Task&) {};
  auto reply = x.has_list() ? list_reply(*store, x.list(), nothing)
                            : get_reply(*store, x.get(), nothing);
  auto complete = member->complete_at();
  if (member->current_role() == role::leader)
    reply.set_age_ms(0);
  else if (!complete)
    reply.set_age_ms(-1);
  else
    reply.set_age_ms(std::chrono::duration_cast<std::chrono::milliseconds>(
                       self->clock().now() - *complete)
                       .count());
  return reply;
}

proto::Reply state_replicator_state::show_managers() const {
  proto::Reply reply;
  auto& out = *reply.mutable_managers();
  out.set_node(options.node);
  out.set_term(member->term());
  out.set_commit_index(member->commit_index());
  for (auto& row : roster()) {
    auto& x = *out.add_managers();
    x.set_name(row.name());
    x.set_address(row.address());
    x.set_role(proto::Manager::NONE);
    x.set_removed(row.removed());
  }
  auto members = member->members();
  if (!members)
    return refusal(members.error());
  auto leads = member->current_role() == role::leader;
  for (auto& y : members.value()) {
    auto& x = add_manager(out, y.id);
    auto own = y.id == options.raft.id;
    x.set_role(y.id == member->leader() ? proto::Manager::LEADER
               : y.votes                ? proto::Manager::VOTER
                                        : proto::Manager::LEARNER);
    x.set_connected(own || peers.count(y.id) != 0);
    if (own)
      x.set_match_index(member->last_index());
    else if (leads)
      x.set_match_index(member->match_index(y.id));
    if (own && x.name().empty()) // It is alone, no file names it.
      x.set_name(options.node);
  }
  return reply;
}

caf::result<proto::Reply>
state_replicator_state::change_manager(const proto::ManagerRequest& x) {
  if (!member->ready_to_lead())
    return refusal(ec::not_leader, "this manager does not lead");
  if (x.action_case() == proto::ManagerRequest::kTransfer)
    return transfer_lead(x.transfer());
  if (!is_cluster())
    return refusal(ec::invalid_argument,
                   "the members are the same in all groups: leave "
                   "the group out");
  proto::ManagerRow row;
  switch (x.action_case()) {
    case proto::ManagerRequest::kTransfer:
      break;
    case proto::ManagerRequest::kAdd:
      if (auto address = parse_host_port(x.add().address()); !address)
        return refusal(address.error());
      if (options.managers.empty())
        return refusal(ec::invalid_argument,
                       "manager " + options.node
                         + " has no cluster.managers, and listens to no other "
                           "one; name at least itself there");
      row.set_name(x.add().name());
      row.set_address(x.add().address());
      return propose_manager(std::move(row));
    case proto::ManagerRequest::kRemove:
      if (auto why = refuse_removal(x.remove()))
        return refusal(*why);
      row = *find(roster(), x.remove());
      row.set_removed(true);
      return propose_manager(std::move(row));
    case proto::ManagerRequest::ACTION_NOT_SET:
      break;
  }
  return refusal(ec::protocol_violation, "a change of managers without action");
}

caf::result<proto::Reply>
state_replicator_state::propose_manager(proto::ManagerRow x) {
  auto reply_to = self->make_response_promise<proto::Reply>();
  proto::Command command;
  *command.mutable_manager() = std::move(x);
  self
    ->request(caf::actor_cast<state_replicator_actor>(self), caf::infinite,
              std::move(command))
    .then(
      [reply_to](const proto::Outcome& outcome) mutable {
        proto::Reply reply;
        reply.mutable_manager();
        if (outcome.has_error())
          reply = refusal(to_error(outcome.error()));
        else if (outcome.manager().has_error())
          reply = refusal(to_error(outcome.manager().error()));
        reply_to.deliver(std::move(reply));
      },
      [reply_to](const caf::error& err) mutable {
        reply_to.deliver(refusal(to_error(unknown_outcome(err))));
      });
  return reply_to;
}

std::optional<error>
state_replicator_state::refuse_removal(const std::string& x) const {
  auto rows = roster();
  auto found = find(rows, x);
  if (found == nullptr || found->removed()) {
    std::string names;
    for (auto& row : rows)
      if (!row.removed())
        names += (names.empty() ? "" : ", ") + row.name();
    return error{ec::not_found,
                 "there is no manager '" + x + "'; the managers are " + names};
  }
  if (x == options.node && member->alone())
    return error{ec::invalid_argument,
                 "manager " + x + " is the only one that votes"};
  return std::nullopt;
}

proto::Reply state_replicator_state::transfer_lead(const std::string& to) {
  auto members = member->members();
  if (!members)
    return refusal(members.error());
  for (auto& x : members.value()) {
    if (!x.votes || tag_of(x.id) != manager_tag(to))
      continue;
    auto begun = member->transfer(x.id, self->clock().now());
    if (!begun)
      return refusal(begun.error());
    schedule_flush();
    proto::Reply reply;
    reply.mutable_manager();
    return reply;
  }
  return refusal(ec::not_found, "there is no manager '" + to + "' that votes");
}

void state_replicator_state::on_transfer(uint64_t to) {
  auto members = member->members();
  if (!members || !member->ready_to_lead())
    return;
  for (auto& x : members.value()) {
    if (x.id != to || !x.votes)
      continue;
    if (member->transfer(to, self->clock().now()))
      schedule_flush();
  }
}

// -- who should be a member ---------------------------------------------------

result<> state_replicator_state::review_members() {
  auto now = self->clock().now();
  if (now < reviewed + options.review || !member->ready_to_lead())
    return ok();
  reviewed = now;
  if (is_cluster())
    record_shards();
  if (options.managers.empty())
    return ok();
  auto rows = roster();
  if (is_cluster())
    record_managers(rows);
  auto members = member->members();
  if (!members)
    return members.as_failure();
  membership_facts facts;
  facts.leader = options.raft.id;
  facts.members = std::move(members.value());
  for (auto& [id, hdl] : peers)
    facts.connected.push_back(id);
  for (auto& x : rows)
    if (x.removed())
      facts.removed.push_back(manager_tag(x.name()));
  facts.last_index = member->last_index();
  facts.match = [this](uint64_t id) { return member->match_index(id); };
  // Either may be refused for now; then the next review tries again.
  auto goes = manager_tag(options.node);
  if (std::count(facts.removed.begin(), facts.removed.end(), goes) != 0) {
    stuck = member->transfer(0, now).has_value() || stuck;
  } else if (auto next = next_members(facts)) {
    stuck = member->change_members(std::move(*next), now).has_value() || stuck;
  }
  return ok();
}

void state_replicator_state::record_managers(const roster_rows& xs) {
  std::vector<proto::ManagerRow> known;
  auto read = store->read(
    [&](const table_view& view, uint64_t) { known = get_managers(view); });
  if (!read)
    return;
  // Whoever joins later learns from the log where all others are.
  for (auto& x : xs) {
    if (find(known, x.name()) != nullptr)
      continue;
    proto::Command command;
    *command.mutable_manager() = x;
    propose(std::move(command));
  }
}

void state_replicator_state::record_shards() {
  uint32_t known = 0;
  auto read = store->read([&](const table_view& view, uint64_t) {
    known = static_cast<uint32_t>(get_shards(view).size());
  });
  auto members = member->members();
  if (!read || !members)
    return;
  for (; known < options.shards; ++known) {
    proto::Command command;
    command.mutable_shard()->set_number(known);
    for (auto& x : members.value())
      if (x.votes)
        command.mutable_shard()->add_founders(x.id);
    propose(std::move(command));
  }
}

void state_replicator_state::propose(proto::Command x) {
  caf::anon_send(caf::actor_cast<state_replicator_actor>(self), std::move(x));
}

} // namespace coppice

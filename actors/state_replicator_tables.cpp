// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/state_replicator.hpp"
#include "runtime/log.hpp"

#include <algorithm>
#include <utility>

namespace coppice {

// -- tables for a member that is too far behind -------------------------------

void state_replicator_state::on_tables_wanted(const proto::PeerMessage& x) {
  auto to = peers.find(x.from());
  if (member->current_role() != role::leader || to == peers.end())
    return;
  copy_used = self->clock().now();
  if (!copy)
    return make_copy(); // It asks again.
  auto& wanted = x.tables_wanted();
  auto offset = wanted.copy() == copy->number() ? wanted.offset() : 0;
  auto part = copy->read(offset, options.max_part_bytes);
  if (!part) {
    log::error("{}: {}", options.group, part.error().message);
    copy = nullptr;
    return;
  }
  proto::PeerMessage answer;
  answer.set_from(options.raft.id);
  answer.set_to(x.from());
  *answer.mutable_tables_part() = std::move(part.value());
  self->send(to->second, std::move(answer));
}

void state_replicator_state::make_copy() {
  if (self->clock().now() < copy_at || std::exchange(copying, true))
    return;
  log::info("{} copies its tables for a manager that needs them",
            options.group);
  // Whatever the copy will have, the log goes on after it.
  keep_from = store->durable_index() + 1;
  start_copy();
}

void state_replicator_state::start_copy() {
  auto copy_tables
    = [](caf::event_based_actor* copier, const std::shared_ptr<tables>& db,
         const std::filesystem::path& dir, const state_replicator_impl& whom) {
        auto made = tables_copy::make(*db, dir);
        copied_tables result;
        if (made)
          result.copy = std::make_shared<tables_copy>(std::move(made.value()));
        else
          result.why = made.error();
        copier->send(whom, std::move(result));
      };
  auto whom = caf::actor_cast<state_replicator_impl>(self);
  if (options.threads)
    self->spawn<caf::detached>(copy_tables, store, options.dir, whom);
  else
    self->spawn(copy_tables, store, options.dir, whom);
}

void state_replicator_state::on_copied(const copied_tables& x) {
  copying = false;
  if (!copied_backups.empty()) {
    deliver_to_backups(x);
    copy_for_backups();
    return;
  }
  copy_for_backups();
  copy = x.copy;
  copy_used = self->clock().now();
  if (copy)
    return;
  copy_at = copy_used + options.refused_pause;
  keep_from = 0; // There is nothing after which the log would have to go on.
  log::error("{} has no copy of its tables for a manager that needs them: {}",
             options.group, x.why.message);
}

result<> state_replicator_state::trim_log() {
  auto to = store->durable_index();
  if (keep_from != 0)
    to = std::min(to, keep_from - 1);
  if (to < trimmed + options.trim_step)
    return ok();
  trimmed = to;
  stuck = true; // The timer ends the turn.
  return member->trim(to, self->clock().now());
}

// -- the leader's tables ------------------------------------------------------

void state_replicator_state::on_behind(const snapshot_offer& x) {
  // If the lead changes meanwhile, the new leader's copy begins anew.
  intake_from = x.leader;
  if (intake || self->clock().now() < intake_after)
    return;
  log::warn("{} is too far behind: the leader's log begins after entry {}, "
            "where this one ends; it fetches the leader's tables",
            options.group, member->last_index());
  auto begun = tables_intake::begin(options.dir);
  if (!begun)
    return give_up_intake(begun.error());
  intake.emplace(std::move(begun.value()));
  intake_at = member->delivered_index();
  ask_for_tables();
}

void state_replicator_state::ask_for_tables() {
  ask_at = self->clock().now() + options.part_patience;
  auto from = peers.find(intake_from);
  if (from == peers.end())
    return;
  proto::PeerMessage x;
  x.set_from(options.raft.id);
  x.set_to(intake_from);
  *x.mutable_tables_wanted() = intake->wanted();
  self->send(from->second, std::move(x));
}

void state_replicator_state::give_up_intake(const error& why) {
  log::error("{} cannot fetch tables: {}", options.group, why.message);
  intake.reset();
  intake_after = self->clock().now() + options.refused_pause;
}

void state_replicator_state::look_after_intake() {
  // Another leader's log reached this member after all: what is on its way may
  // be older than what this member has by now.
  if (intake && member->delivered_index() != intake_at)
    intake.reset();
}

void state_replicator_state::on_tables_part(const proto::PeerMessage& x) {
  look_after_intake();
  if (!intake || x.from() != intake_from)
    return;
  auto before = intake->wanted();
  auto complete = intake->take(x.tables_part());
  if (!complete)
    return give_up_intake(complete.error());
  if (!complete.value()) {
    // Only what brought it on: a repeated part must not be asked on twice.
    if (intake->wanted().offset() != before.offset())
      ask_for_tables();
    return;
  }
  log::info("{} has the leader's tables, {} bytes, and starts again on them",
            options.group, x.tables_part().total());
  self->quit(superseded());
}

void state_replicator_state::look_after_tables() {
  auto now = self->clock().now();
  auto leads = member->current_role() == role::leader;
  if (!copying && keep_from != 0
      && (!leads || now > copy_used + options.copy_kept)) {
    copy = nullptr;
    keep_from = 0;
  }
  drop_backups();
  look_after_intake();
  if (intake && now >= ask_at)
    ask_for_tables();
}

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "tests/cluster/invariants.hpp"
#include "tests/cluster/simulated_member.hpp"
#include "tests/cluster/simulated_network.hpp"
#include "tests/cluster/world_observer.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coppice::test {

/// How much goes wrong, in 1,000.
struct mishaps {
  uint32_t power_cut = 0;    ///< Of all turns, at their write.
  uint32_t vote_cut = 0;     ///< Of the turns that write a term or a vote.
  uint32_t disk_refuses = 0; ///< Of all turns.
  uint32_t disk_stalls = 0;  ///< Of all writes, up to two election timeouts.
};

/// A group of members, their network and their clients in one thread, on a
/// clock of its own. Equal seeds give equal worlds.
class world {
public:
  // -- constructors, destructors, and assignment operators --------------------

  /// @param common The options of all; their seed is 0, or 1 to let all members
  ///        draw the same election timers until `heal`.
  /// @param newcomers How many there are who wait to be taken in.
  world(uint32_t seed, uint64_t founders, const replica_options& common,
        uint64_t newcomers = 0)
    : chance(seed),
      network(founders + newcomers, chance),
      members_(founders + newcomers) {
    for (auto& x : members_) {
      x.options = common;
      x.options.id = static_cast<uint64_t>(&x - members_.data()) + 1;
      for (uint64_t id = 1; x.options.id <= founders && id <= founders; ++id)
        x.options.voters.push_back(id);
      if (common.seed == 0)
        x.options.seed = 2 + chance.below(1U << 31);
      start(x);
    }
  }

  // -- modifiers --------------------------------------------------------------

  /// Lets *x* start on what its disk has.
  void start(simulated_member& x) {
    auto applied = x.tables.installed;
    if (applied.position != x.tables.durable())
      applied = {x.tables.durable(), {}};
    if (applied.configuration.index == 0 && chance.permille(500))
      applied.position.term = 0; // As a caller that does not keep it would.
    set_disk(x);
    try {
      auto started = replica::start(x.options, x.disk, applied, now);
      if (!started && started.error().code == ec::storage_failure) {
        x.restart_at = now + milliseconds{10};
        return;
      }
      if (!started)
        throw violation{"cannot start: " + to_string(started.error())};
      x.aut.emplace(std::move(started.value()));
    } catch (const power_cut&) {
      power_off(x, milliseconds{10});
      return;
    }
    x.seen_commit = applied.position.index;
    x.busy_until = now;
    if (x.aut->commit_index() < applied.position.index)
      throw violation{"committed less than its tables have"};
  }

  void crash(simulated_member& x, milliseconds pause) {
    x.crash();
    x.restart_at = now + pause;
  }

  /// Asks *x* to append a new op, whether it leads or not.
  /// @param what Follows the number that no other op has, and a space.
  /// @returns Where it will stand if it commits; nothing if it was refused.
  std::optional<log_position> propose(simulated_member& x,
                                      std::string_view what) {
    auto op = std::to_string(++ops_) + ' ';
    auto position = x.aut->propose(op.append(what));
    if (!position)
      return std::nullopt;
    x.pending[position.value().index] = position.value();
    return position.value();
  }

  /// Asks *x* to append an op that means nothing, of any length.
  void propose(simulated_member& x) {
    propose(x, std::string(chance.below(3) * 20, '.'));
  }

  /// Asks *x* for a read that a former leader must not answer.
  void read(simulated_member& x) {
    if (!x.aut->ready_to_lead())
      return;
    auto barrier = x.aut->propose_barrier();
    if (barrier)
      x.reads[barrier.value().index]
        = {barrier.value().term, {checks.last_acknowledged()}};
  }

  /// Writes the tables of *x* behind, and drops the log before them, but for
  /// what trails: a member that lacks it needs the tables.
  void flush(simulated_member& x) {
    x.tables.durable_rows = x.tables.rows.size();
    must(x, x.aut->trim(x.tables.durable().index, now));
  }

  /// Gives *x* the tables of the leader that offered them, if it still leads
  /// and is within reach. As in a node they are complete on the disk before the
  /// log knows, and the power may go in between.
  void install(simulated_member& x) {
    auto offer = std::exchange(x.missing_snapshot, std::nullopt);
    auto& leader = members_[offer->leader - 1];
    if (!leader.alive() || leader.aut->current_role() != role::leader
        || !network.connected(leader.id(), x.id())
        || leader.tables.durable().index <= x.aut->commit_index())
      return;
    x.tables.rows = leader.tables.rows;
    x.tables.rows.resize(leader.tables.durable_rows);
    x.tables.durable_rows = leader.tables.durable_rows;
    x.tables.installed = leader.aut->position_at(leader.tables.durable().index);
    ++x.installs;
    x.crash();
    start(x);
  }

  /// Asks *x* to make the group *xs*.
  void change_members(simulated_member& x, std::vector<member_record> xs) {
    auto changed = x.aut->change_members(std::move(xs), now);
    if (changed)
      ++membership_changes;
  }

  /// Ends the turn of *x*: its disk, its messages, its tables.
  void finish(simulated_member& x) {
    set_disk(x);
    auto writes = x.disk.writes();
    auto stall = disk_time(x);
    auto send = [&](peer_message&& y) {
      auto late = x.disk.writes() != writes ? stall : milliseconds{0};
      network.send(std::move(y), now + late);
    };
    try {
      auto ended = x.aut->finish_turn(now, send);
      if (x.disk.writes() != writes)
        x.busy_until = now + stall;
      if (ended)
        note(x, ended.value());
      else if (ended.error().code == ec::storage_failure)
        refused(x);
      else
        must(x, ended);
    } catch (const power_cut&) {
      // Back at once, now and then: before others know.
      auto most = chance.permille(500) ? 20 : 800;
      power_off(x, chance.between(milliseconds{1}, milliseconds{most}));
    }
  }

  /// Lets *x* take some of the messages that wait for it, look at its clock,
  /// and end its turn.
  void run(simulated_member& x) {
    for (auto n = 1 + chance.below(8); n > 0; --n) {
      auto message = network.receive(x.id(), now);
      if (!message)
        break;
      must(x, x.aut->receive(*message, now));
    }
    must(x, x.aut->tick(now));
    finish(x);
    if (x.alive() && x.missing_snapshot && chance.permille(300))
      install(x);
  }

  /// Runs whatever is due until *end*.
  void run_until(time_point end) {
    for (;;) {
      simulated_member* next = nullptr;
      auto when = end;
      for (auto& x : members_)
        if (auto due = due_time(x); due < when) {
          when = due;
          next = &x;
        }
      now = std::max(now, when);
      if (!next)
        return;
      if (next->alive())
        run(*next);
      else
        start(*next);
    }
  }

  void run_for(milliseconds time) {
    run_until(now + time);
  }

  /// Ends all trouble: network, power and disks are well from now on.
  void heal() {
    network.heal();
    network.set({});
    trouble = {};
    for (auto& x : members_) {
      x.disk.fault_next(disk_fault::none);
      // Equal timers would go on to split all votes.
      if (x.options.seed == 1) {
        x.options.seed += static_cast<uint32_t>(x.id());
        x.crash();
      }
      if (!x.alive())
        x.restart_at = now;
    }
  }

  // -- properties -------------------------------------------------------------

  std::vector<simulated_member>& members() {
    return members_;
  }

  /// Returns a member that may answer for the group, or null.
  simulated_member* ready_leader() {
    for (auto& x : members_)
      if (x.alive() && x.aut->ready_to_lead())
        return &x;
    return nullptr;
  }

  simulated_member& anybody() {
    return members_[chance.below(static_cast<uint32_t>(members_.size()))];
  }

  /// Returns those that are in the group, as its leader says; everybody if
  /// there is none.
  std::vector<simulated_member*> in_group() {
    std::vector<simulated_member*> result;
    auto* leader = ready_leader();
    for (auto& x : members_)
      if (!leader || is_in(*leader, x.id()))
        result.push_back(&x);
    return result;
  }

  /// Returns whether all in the group applied the same, and all that is
  /// committed.
  bool converged() {
    auto xs = in_group();
    return std::all_of(xs.begin(), xs.end(), [this](auto* x) {
      return x->alive() && x->tables.applied().index == checks.last_committed()
             && x->pending.empty();
    });
  }

  /// Returns whether all votes count, as the leader says.
  bool all_vote() {
    auto* leader = ready_leader();
    if (!leader)
      return false;
    auto xs = leader->aut->members().value();
    return xs.size() == members_.size()
           && std::all_of(xs.begin(), xs.end(),
                          [](const member_record& x) { return x.votes; });
  }

  /// Switches off who is no longer in the group, as its operator would.
  void retire_outsiders() {
    auto* leader = ready_leader();
    if (!leader)
      return;
    for (auto& x : members_)
      if (!is_in(*leader, x.id()))
        crash(x, std::chrono::hours{1});
  }

  /// Renders where everybody stands, for people.
  std::string to_text() const {
    std::string result;
    for (auto& x : members_) {
      result += "\n  " + std::to_string(x.id()) + ": log "
                + std::to_string(x.disk.first_index()) + ".."
                + std::to_string(x.disk.last_index()) + ", applied "
                + std::to_string(x.tables.applied().index);
      if (x.alive())
        result += std::string{", "} + to_string(x.aut->current_role())
                  + " of term " + std::to_string(x.aut->term()) + ", leader "
                  + std::to_string(x.aut->leader()) + ", commit "
                  + std::to_string(x.aut->commit_index()) + ", knows "
                  + members_to_text(*x.aut);
    }
    return result;
  }

  /// Renders who is in the group, as a member knows it; who only learns has a
  /// question mark.
  static std::string members_to_text(const replica& x) {
    std::string result;
    if (auto known = x.members())
      for (auto& y : known.value())
        result += std::to_string(y.id) + (y.votes ? " " : "? ");
    return result;
  }

  time_point now{std::chrono::hours{1}};

  dice chance;

  simulated_network<peer_message> network;

  invariants checks;

  mishaps trouble;

  size_t membership_changes = 0;

  /// Null: nobody wants to know.
  world_observer* observer = nullptr;

private:
  static bool is_in(const simulated_member& leader, uint64_t id) {
    auto xs = leader.aut->members().value();
    return std::any_of(xs.begin(), xs.end(),
                       [id](const member_record& x) { return x.id == id; });
  }

  template <class T>
  static void must(const simulated_member& x, const T& y) {
    if (!y)
      throw violation{"member " + std::to_string(x.id())
                      + " failed: " + to_string(y.error())};
  }

  time_point due_time(const simulated_member& x) const {
    if (!x.alive())
      return std::max(now, x.restart_at);
    auto due = std::min(x.aut->next_timeout(), network.next_arrival(x.id()));
    return std::max({now, due, x.busy_until});
  }

  /// The machine of *x* has no power for *pause*.
  void power_off(simulated_member& x, milliseconds pause) {
    if (observer)
      observer->power_off(x, pause);
    else
      crash(x, pause);
  }

  void set_disk(simulated_member& x) {
    auto cut
      = chance.permille(500) ? disk_fault::cut_before : disk_fault::cut_after;
    if (chance.permille(trouble.power_cut))
      x.disk.fault_next(cut);
    else if (chance.permille(trouble.vote_cut))
      x.disk.fault_next_vote(cut);
    else if (chance.permille(trouble.disk_refuses))
      x.disk.fault_next(disk_fault::refuse);
    else
      x.disk.fault_next(disk_fault::none);
  }

  milliseconds disk_time(const simulated_member& x) {
    if (!chance.permille(trouble.disk_stalls))
      return chance.between(milliseconds{0}, milliseconds{2});
    return chance.between(milliseconds{0}, 2 * x.options.election_timeout);
  }

  /// Nothing of the turn may be visible.
  void refused(simulated_member& x) {
    checks.note_commit(x);
    apply(x);
    x.busy_until = now + milliseconds{5};
  }

  void note(simulated_member& x, const turn& y) {
    checks.note_turn(x);
    if (y.missing_snapshot)
      x.missing_snapshot = y.missing_snapshot;
    if (y.leadership_lost) {
      x.pending.clear();
      x.reads.clear();
    }
    apply(x);
  }

  void apply(simulated_member& x) {
    // Now and then later: the tables may lag behind the log.
    auto lazy = trouble.disk_stalls > 0 && chance.permille(200);
    while (!lazy) {
      auto committed = x.aut->next_committed(64);
      must(x, committed);
      if (committed.value().empty())
        return;
      for (auto& y : committed.value())
        apply(x, y);
    }
  }

  void apply(simulated_member& x, const committed_entry& y) {
    checks.note_applied(x, y);
    auto is_op = y.entry.type == entry_type::command;
    x.tables.rows.push_back(
      {{y.index, y.entry.term}, is_op ? std::string{y.entry.bytes()} : ""});
    x.aut->applied(y.index);
    auto acknowledged = false;
    if (auto i = x.pending.find(y.index); i != x.pending.end()) {
      acknowledged = i->second.term == y.entry.term;
      if (acknowledged)
        checks.note_acknowledged(x, y.index);
      x.pending.erase(i);
    }
    if (observer)
      observer->applied(x, acknowledged);
    if (auto i = x.reads.find(y.index); i != x.reads.end()) {
      if (i->second.first == y.entry.term)
        checks.note_read(x, y.index, i->second.second);
      x.reads.erase(i);
    }
  }

  std::vector<simulated_member> members_;

  uint64_t ops_ = 0;
};

} // namespace coppice::test

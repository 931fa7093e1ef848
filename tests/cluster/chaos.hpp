// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "tests/cluster/world.hpp"

#include <cstdint>
#include <string>

namespace coppice::test {

/// What a run of chaos came to.
struct chaos_result {
  std::string violation; ///< Empty: none.
  size_t acknowledged = 0;
  size_t installs = 0; ///< Members that got a leader's tables.
  size_t membership_changes = 0;
  milliseconds healing{0}; ///< Until all members had the same.
};

/// Everything that can happen to a group, drawn by lot.
class chaos {
public:
  /// @param newcomers Not 0: members come and go.
  chaos(uint32_t seed, uint64_t founders, uint64_t newcomers = 0)
    : chance_(seed ^ 0x5EED),
      world_(seed, founders, lots(), newcomers),
      reshapes_(newcomers > 0) {
    // nop
  }

  /// Lets things go wrong for *time*, then heals all and sees whether the group
  /// recovers.
  chaos_result run(milliseconds time) {
    chaos_result result;
    try {
      auto end = world_.now + time;
      new_weather();
      while (world_.now < end) {
        world_.run_for(chance_.between(milliseconds{0}, milliseconds{40}));
        happen();
      }
      result.healing = recover();
      world_.checks.check_converged(world_.in_group());
    } catch (const violation& x) {
      result.violation = x.what;
    }
    result.acknowledged = world_.checks.acknowledged();
    result.membership_changes = world_.membership_changes;
    for (auto& x : world_.members())
      result.installs += x.installs;
    return result;
  }

private:
  /// Draws the options of a group. Small limits, so that they are reached.
  replica_options lots() {
    replica_options x;
    x.election_timeout = milliseconds{200};
    x.heartbeat = milliseconds{20};
    // Candidates at the same time and, without pre-vote, in the same term.
    x.seed = chance_.permille(300) ? 1 : 0;
    x.pre_vote = chance_.permille(x.seed == 1 ? 300 : 850);
    x.max_inflight_entries = 1U << chance_.below(5);
    x.max_entry_bytes = 64;
    x.max_message_bytes = 50;
    x.trailing_entries = chance_.below(20);
    x.tail_bytes = chance_.permille(500) ? 0 : 200;
    return x;
  }

  void new_weather() {
    weather x;
    x.lost_permille = chance_.below(3) * chance_.below(100);
    x.doubled_permille = chance_.below(2) * chance_.below(100);
    x.delay = chance_.between(milliseconds{1}, milliseconds{20});
    x.late = chance_.between(x.delay, milliseconds{400});
    world_.network.set(x);
    world_.trouble.power_cut = chance_.below(2) * chance_.below(20);
    world_.trouble.vote_cut = chance_.below(2) * chance_.below(400);
    world_.trouble.disk_refuses = chance_.below(2) * chance_.below(50);
    world_.trouble.disk_stalls = chance_.below(2) * chance_.below(20);
  }

  void happen() {
    auto& x = world_.anybody();
    auto lot = chance_.below(1000);
    if (lot < 10)
      new_weather();
    else if (lot < 20)
      split();
    else if (lot < 25)
      isolate(x);
    else if (lot < 45)
      world_.network.heal();
    else if (!x.alive())
      return;
    else if (lot < 55)
      world_.crash(x.aut->leader() == 0 ? x : leader_of(x),
                   chance_.between(milliseconds{0}, milliseconds{1500}));
    else if (lot < 60)
      (void)x.aut->transfer(0, world_.now);
    else if (lot < 160)
      world_.flush(x);
    else if (lot < 200 && reshapes_)
      reshape_somewhere();
    else if (lot < 300)
      read_somewhere();
    else
      propose_somewhere();
  }

  simulated_member& leader_of(const simulated_member& x) {
    auto& y = world_.members()[x.aut->leader() - 1];
    return y.alive() ? y : world_.anybody();
  }

  /// Clients find a leader, or somebody who takes himself for one.
  void propose_somewhere() {
    for (auto& x : world_.members())
      if (x.alive() && x.aut->current_role() == role::leader)
        for (auto n = 1 + chance_.below(6); n > 0; --n)
          world_.propose(x);
  }

  void read_somewhere() {
    for (auto& x : world_.members())
      if (x.alive())
        world_.read(x);
  }

  /// Somebody comes, goes, or begins or ceases to vote.
  void reshape_somewhere() {
    for (auto& x : world_.members())
      if (x.alive() && x.aut->current_role() == role::leader)
        reshape(x);
  }

  void reshape(simulated_member& leader) {
    auto xs = leader.aut->members().value();
    auto id = world_.anybody().id();
    auto i = std::find_if(xs.begin(), xs.end(),
                          [id](auto& x) { return x.id == id; });
    auto voters
      = std::count_if(xs.begin(), xs.end(), [](auto& x) { return x.votes; });
    if (i == xs.end())
      xs.push_back({id, false});
    else if (!i->votes && chance_.permille(700))
      i->votes = true;
    else if (i->votes && voters == 1)
      return;
    else if (chance_.permille(300))
      i->votes = !i->votes;
    else
      xs.erase(i);
    world_.change_members(leader, std::move(xs));
  }

  /// Cuts the group in two; in one direction only, now and then.
  void split() {
    auto both = chance_.permille(700);
    auto mask = chance_.below(1U << world_.members().size());
    for (auto& x : world_.members())
      for (auto& y : world_.members())
        if ((mask >> (x.id() - 1) & 1) != 0
            && (mask >> (y.id() - 1) & 1) == 0) {
          world_.network.cut(x.id(), y.id());
          if (both)
            world_.network.cut(y.id(), x.id());
        }
  }

  void isolate(simulated_member& x) {
    for (auto& y : world_.members()) {
      world_.network.cut(x.id(), y.id());
      world_.network.cut(y.id(), x.id());
    }
  }

  /// Waits until there is a leader that takes an op, and all have the same.
  milliseconds recover() {
    constexpr auto patience = milliseconds{10'000};
    world_.heal();
    auto begin = world_.now;
    auto asked = false;
    while (world_.now - begin < patience) {
      world_.run_for(milliseconds{20});
      world_.retire_outsiders();
      auto* leader = world_.ready_leader();
      if (leader && !asked) {
        auto before = world_.checks.acknowledged();
        world_.propose(*leader);
        world_.run_for(milliseconds{200});
        asked = world_.checks.acknowledged() > before;
      }
      if (asked && world_.converged())
        return std::chrono::duration_cast<milliseconds>(world_.now - begin);
    }
    throw violation{std::string{asked ? "the group did not converge"
                                      : "the group did not elect a leader"}
                    + world_.to_text()};
  }

  dice chance_;
  world world_;
  bool reshapes_;
};

} // namespace coppice::test

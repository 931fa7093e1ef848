// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "tests/cluster/lots.hpp"
#include "tests/cluster/recovery.hpp"
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
      world_(seed, founders, draw_options(chance_), newcomers),
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
  void new_weather() {
    world_.network.set(draw_weather(chance_));
    world_.trouble = draw_mishaps(chance_);
  }

  void happen() {
    auto& x = world_.anybody();
    auto lot = chance_.below(1000);
    if (lot < 10)
      new_weather();
    else if (lot < 20)
      cut(world_.network, draw_split(chance_, world_.members().size()));
    else if (lot < 25)
      cut(world_.network, ways_of(x.id(), world_.members().size()));
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
        reshape(chance_, world_, x, world_.anybody().id());
  }

  /// Waits until there is a leader that takes an op, and all have the same.
  milliseconds recover() {
    constexpr auto patience = milliseconds{10'000};
    world_.heal();
    recovery way{world_, true};
    auto begin = world_.now;
    while (world_.now - begin < patience) {
      world_.run_for(milliseconds{20});
      if (way.look())
        return std::chrono::duration_cast<milliseconds>(world_.now - begin);
    }
    throw violation{way.complaint()};
  }

  dice chance_;
  world world_;
  bool reshapes_;
};

} // namespace coppice::test

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "tests/cluster/lots.hpp"
#include "tests/cluster/recovery.hpp"
#include "tests/cluster/simulated_cluster.hpp"
#include "tests/storage/table_dump.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace coppice::test {

/// What a run of chaos with several groups came to.
struct cluster_chaos_result {
  std::string violation; ///< Empty: none.
  size_t answered = 0;
  size_t moved = 0; ///< Submits that came to a sealed binding.
  size_t crashes = 0;
  size_t installs = 0;
  size_t membership_changes = 0;
  size_t lead_moves = 0;
  milliseconds healing{0};

  bool operator==(const cluster_chaos_result&) const = default;
};

/// Everything that can happen to machines with several groups, drawn by lot,
/// while clients submit and products move.
class cluster_chaos {
public:
  /// @param newcomers Not 0: replicas come and go.
  cluster_chaos(uint32_t seed, uint64_t newcomers)
    : chance_(seed ^ 0x5EED),
      aut_(seed, draw_plan(newcomers)) {
    // nop
  }

  /// Lets things go wrong for *time*, then heals all and sees whether everybody
  /// recovers.
  cluster_chaos_result run(milliseconds time) {
    cluster_chaos_result result;
    try {
      auto end = aut_.now + time;
      new_weather();
      while (aut_.now < end) {
        aut_.run_for(chance_.between(milliseconds{0}, milliseconds{20}));
        happen();
      }
      result.healing = recover();
      check_end();
    } catch (const violation& x) {
      result.violation = x.what;
    }
    result.answered = aut_.ledger.answered().size();
    result.moved = aut_.ledger.moves();
    result.crashes = aut_.crashes;
    result.lead_moves = aut_.lead_moves();
    for (auto& group : aut_.groups) {
      result.membership_changes += group.aut.membership_changes;
      for (auto& x : group.aut.members())
        result.installs += x.installs;
    }
    return result;
  }

private:
  cluster_plan draw_plan(uint64_t newcomers) {
    cluster_plan x;
    x.newcomers = newcomers;
    x.shards = 2 + chance_.below(2);
    x.common = draw_options(chance_);
    x.common.trailing_entries = chance_.below(5);
    x.common.max_entry_bytes = 1000;
    x.common.max_message_bytes = 400;
    // Clients repeat what is not answered. With less a log cannot keep up with
    // them, and what waits in it only grows.
    x.common.max_inflight_entries = std::max(4U, x.common.max_inflight_entries);
    return x;
  }

  void new_weather() {
    auto weather = draw_weather(chance_);
    auto mishaps = draw_mishaps(chance_);
    // Each group can take a machine down.
    mishaps.power_cut /= 4;
    for (auto& x : aut_.groups) {
      x.aut.network.set(weather);
      x.aut.trouble = mishaps;
    }
    // What is under way for long meets products that have moved.
    weather.late_permille = 100 + chance_.below(400);
    aut_.letters.set(weather);
  }

  void happen() {
    auto lot = chance_.below(1000);
    if (lot < 10)
      new_weather();
    else if (lot < 30)
      cut_all(draw_split(chance_, aut_.plan().machines()));
    else if (lot < 40)
      cut_all(ways_of(any_machine(), aut_.plan().machines()));
    else if (lot < 80)
      reconnect();
    else if (lot < 110)
      crash_one();
    else if (lot < 125)
      aut_.freeze(any_machine(), pause());
    else
      happen_to_groups(lot);
  }

  void happen_to_groups(uint32_t lot) {
    auto& group = any_group();
    auto machine = any_machine();
    auto& x = group.at(machine);
    if (lot < 400)
      submit_some();
    else if (lot < 500)
      aut_.clients.submit_again(aut_.now);
    else if (lot < 600)
      aut_.order(machine, draw_binding());
    else if (lot < 800)
      flush(machine);
    else if (lot < 830 && x.alive())
      (void)x.aut->transfer(0, aut_.now);
    else if (lot < 860 && reshapes())
      aut_.order(machine, removal(chance_.permille(500)));
    else if (lot < 900 && reshapes())
      reshape_somewhere(group);
  }

  void submit_some() {
    for (auto n = 1 + chance_.below(3); n > 0; --n)
      aut_.clients.submit_new(any_product(), aut_.now);
  }

  proto::Command draw_binding() {
    proto::Command x;
    x.mutable_product()->set_name(any_product());
    x.mutable_product()->set_shard(chance_.below(aut_.plan().shards));
    x.mutable_product()->set_rebind(true);
    return x;
  }

  /// People want machine 1 to leave, or to come back.
  static proto::Command removal(bool removed) {
    proto::Command x;
    x.mutable_manager()->set_name(manager_name(1));
    x.mutable_manager()->set_removed(removed);
    return x;
  }

  void flush(uint64_t machine) {
    for (auto& group : aut_.groups)
      if (auto& x = group.at(machine); x.alive())
        group.aut.flush(x);
  }

  bool reshapes() const {
    return aut_.plan().newcomers > 0;
  }

  /// Often one that leads something.
  void crash_one() {
    auto* leader = any_group().aut.ready_leader();
    aut_.crash(leader ? leader->id() : any_machine(), pause());
  }

  void reshape_somewhere(simulated_group& group) {
    for (auto& x : group.aut.members())
      if (x.alive() && x.aut->current_role() == role::leader)
        reshape(chance_, group.aut, x, any_machine());
  }

  void cut_all(const ways& xs) {
    cut(aut_.letters, xs);
    for (auto& x : aut_.groups)
      cut(x.aut.network, xs);
  }

  void reconnect() {
    aut_.letters.heal();
    for (auto& x : aut_.groups)
      x.aut.network.heal();
  }

  milliseconds pause() {
    return chance_.between(milliseconds{0}, milliseconds{1000});
  }

  uint64_t any_machine() {
    return 1 + chance_.below(static_cast<uint32_t>(aut_.plan().machines()));
  }

  simulated_group& any_group() {
    return aut_.groups[chance_.below(aut_.plan().shards + 1)];
  }

  std::string any_product() {
    return chance_.permille(700) ? "p" : "q";
  }

  /// Waits until all groups have recovered, all clients have answers, and all
  /// machines lead about as much.
  milliseconds recover() {
    constexpr auto patience = milliseconds{15'000};
    aut_.heal();
    std::deque<recovery> open;
    for (auto& x : aut_.groups)
      open.emplace_back(x.aut, false);
    auto begin = aut_.now;
    while (aut_.now - begin < patience) {
      aut_.run_for(milliseconds{20});
      if (reshapes())
        aut_.order(any_machine(), removal(false));
      // All of them look, for it is they who ask.
      auto left = std::count_if(open.begin(), open.end(),
                                [](recovery& x) { return !x.look(); });
      if (left == 0 && aut_.clients.all_answered() && aut_.leads_are_even())
        return std::chrono::duration_cast<milliseconds>(aut_.now - begin);
    }
    throw violation{complaint(open)};
  }

  std::string complaint(std::deque<recovery>& groups) {
    std::string result;
    for (auto& x : groups)
      if (!x.look())
        result += x.complaint() + '\n';
    if (!aut_.clients.all_answered())
      result += "a client waits for its answer";
    else if (!aut_.leads_are_even())
      result += "the leads are not even";
    return result;
  }

  void check_end() {
    std::vector<const replica_state*> one_of_each;
    for (auto& x : aut_.groups) {
      auto members = x.aut.in_group();
      x.aut.checks.check_converged(members);
      auto& first = x.state(members.at(0)->id());
      auto rows = first.read([](const table_view& y) { return dump(y); });
      for (auto* member : members)
        if (x.state(member->id()).read([](const table_view& y) {
              return dump(y);
            })
            != rows)
          throw violation{"the replicas of a group differ"};
      one_of_each.push_back(&first);
    }
    aut_.ledger.check_end(one_of_each);
  }

  dice chance_;
  simulated_cluster aut_;
};

} // namespace coppice::test

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "tests/cluster/lead_keeper.hpp"
#include "tests/cluster/member_keeper.hpp"
#include "tests/cluster/simulated_clients.hpp"
#include "tests/cluster/simulated_group.hpp"
#include "tests/cluster/submit_desk.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace coppice::test {

/// What a simulated cluster is made of.
struct cluster_plan {
  uint64_t founders = 3;
  /// How many machines wait to be taken in.
  uint64_t newcomers = 0;
  uint32_t shards = 2;
  /// Of all groups, as for `world`.
  replica_options common;

  uint64_t machines() const {
    return founders + newcomers;
  }
};

/// Machines with a replica of each group, their network and their clients in
/// one thread, on one clock. Equal seeds give equal clusters.
class simulated_cluster {
public:
  // -- constructors, destructors, and assignment operators --------------------

  simulated_cluster(uint32_t seed, const cluster_plan& plan)
    : chance(seed),
      letters(plan.machines() + 1, chance),
      clients(plan.machines() + 1, chance, ledger),
      plan_(plan) {
    for (uint64_t id = 1; id <= plan.machines(); ++id)
      machines_.emplace_back(id, desk_of(id));
    for (size_t i = 0; i <= plan.shards; ++i)
      groups.emplace_back(i, chance.below(1U << 31), plan.founders, plan.common,
                          plan.newcomers, surroundings_of_groups());
    now = groups[0].aut.now;
  }

  simulated_cluster(const simulated_cluster&) = delete;

  simulated_cluster& operator=(const simulated_cluster&) = delete;

  // -- modifiers --------------------------------------------------------------

  void run_for(milliseconds time) {
    for (auto end = now + time; now < end;) {
      now += milliseconds{1};
      for (auto& x : groups)
        x.aut.run_until(now);
      for (auto& x : machines_)
        run(x);
      clients.run(now, [this](letter x) { letters.send(std::move(x), now); });
      while (auto x = letters.receive(plan_.machines() + 1, now))
        clients.take_answer(*x);
    }
  }

  /// Takes the power from a machine: all of its replicas are down.
  void crash(uint64_t machine, milliseconds pause) {
    auto& x = machines_[machine - 1];
    x.dark_until = now + pause;
    x.desk.crash();
    x.leads.crash();
    for (auto& group : groups)
      group.aut.crash(group.at(machine), pause);
    ++crashes;
  }

  /// Stops a machine for a while; it will not know that it was stopped.
  void freeze(uint64_t machine, milliseconds pause) {
    auto& x = machines_[machine - 1];
    x.frozen_until = now + pause;
    for (auto& group : groups) {
      auto& member = group.at(machine);
      member.busy_until = std::max(member.busy_until, x.frozen_until);
      member.restart_at = std::max(member.restart_at, x.frozen_until);
    }
  }

  /// Asks a machine for a change of the cluster group, and waits for nothing.
  void order(uint64_t machine, proto::Command what) {
    letter x;
    x.from = plan_.machines() + 1;
    x.to = machine;
    x.question = std::move(what);
    letters.send(std::move(x), now);
  }

  /// Ends all trouble: network, power and disks are well from now on.
  void heal() {
    letters.heal();
    letters.set({});
    // Members that draw equal timers start again to draw others.
    if (plan_.common.seed == 1)
      for (auto& x : machines_)
        crash(x.id, milliseconds{0});
    for (auto& x : machines_)
      x.dark_until = x.frozen_until = now;
    for (auto& x : groups)
      x.aut.heal();
  }

  // -- properties -------------------------------------------------------------

  const cluster_plan& plan() const {
    return plan_;
  }

  bool is_up(uint64_t machine) const {
    auto& x = machines_[machine - 1];
    return now >= x.dark_until && now >= x.frozen_until;
  }

  /// Returns whether no machine leads two groups more than another one that
  /// could lead one of them.
  bool leads_are_even() {
    std::map<uint64_t, int> leads;
    for (auto& x : groups) {
      auto* leader = x.aut.ready_leader();
      if (!leader)
        return false;
      ++leads[leader->id()];
    }
    return std::all_of(groups.begin(), groups.end(), [&](auto& x) {
      auto* leader = x.aut.ready_leader();
      auto members = leader->aut->members().value();
      return std::all_of(members.begin(), members.end(), [&](auto& y) {
        return !y.votes || leads[leader->id()] <= leads[y.id] + 1;
      });
    });
  }

  size_t lead_moves() const {
    size_t result = 0;
    for (auto& x : machines_)
      result += x.leads.moves();
    return result;
  }

  time_point now;

  dice chance;

  task_ledger ledger;

  simulated_network<letter> letters;

  simulated_clients clients;

  /// The cluster group, and the shards.
  std::deque<simulated_group> groups;

  size_t crashes = 0;

private:
  struct machine_type {
    machine_type(uint64_t number, submit_desk::surroundings x)
      : id(number),
        desk(std::move(x)),
        leads(number),
        members(number) {
      // nop
    }

    uint64_t id;
    submit_desk desk;
    lead_keeper leads;
    member_keeper members;
    time_point dark_until{};
    time_point frozen_until{};
    time_point next_chore{};
    std::map<std::string, proto::ProductRow> routes; ///< By product.
  };

  submit_desk::surroundings desk_of(uint64_t machine) {
    submit_desk::surroundings x;
    x.product = [this, machine](const std::string& name) {
      return find_route(machines_[machine - 1], name);
    };
    x.ask = [this, machine](letter y) {
      y.from = machine;
      y.to = groups[y.group].leader_for(machine);
      if (y.to != 0)
        letters.send(std::move(y), now);
    };
    x.reply = [this](letter y) { letters.send(std::move(y), now); };
    return x;
  }

  /// Often an old one, as of a replica that is behind.
  std::optional<proto::ProductRow> find_route(machine_type& at,
                                              const std::string& name) {
    auto known = at.routes.find(name);
    if (known != at.routes.end() && chance.permille(600))
      return known->second;
    auto row = groups[0].state(at.id).read([&](const table_view& view) {
      auto number = find_product(view, name);
      return number ? get_product(view, *number) : std::nullopt;
    });
    if (row)
      at.routes[name] = *row;
    return row;
  }

  simulated_group::surroundings surroundings_of_groups() {
    return {
      &ledger, [this](letter x) { letters.send(std::move(x), now); },
      [this](uint64_t machine, milliseconds pause) { crash(machine, pause); }};
  }

  void run(machine_type& x) {
    if (now < x.dark_until)
      while (letters.receive(x.id, now))
        ; // Nobody is there.
    if (!is_up(x.id))
      return;
    while (auto y = letters.receive(x.id, now))
      take(x, std::move(*y));
    if (now >= x.next_chore)
      do_chores(x);
  }

  void take(machine_type& at, letter x) {
    if (x.is_answer)
      at.desk.take_answer(std::move(x));
    else if (x.to_be_routed)
      at.desk.take(std::move(x));
    else
      groups[x.group].take(std::move(x));
  }

  void do_chores(machine_type& x) {
    x.next_chore = now + milliseconds{50};
    if (groups[0].is_led_by(x.id))
      make_next_shard(x.id);
    std::vector<uint64_t> connected;
    for (auto& y : machines_)
      if (y.id != x.id && is_up(y.id) && letters.connected(x.id, y.id)
          && letters.connected(y.id, x.id))
        connected.push_back(y.id);
    x.leads.run(groups, now, connected);
    x.members.run(groups, now, connected);
  }

  /// As the MANAGER that leads the cluster group does.
  void make_next_shard(uint64_t machine) {
    auto known = groups[0].state(machine).read(
      [](const table_view& view) { return get_shards(view).size(); });
    if (known == plan_.shards)
      return;
    letter x;
    x.from = x.to = machine;
    auto& shard = *x.question.mutable_shard();
    shard.set_number(static_cast<uint32_t>(known));
    for (uint64_t id = 1; id <= plan_.founders; ++id)
      shard.add_founders(id);
    groups[0].take(std::move(x));
  }

  cluster_plan plan_;
  std::deque<machine_type> machines_;
};

} // namespace coppice::test

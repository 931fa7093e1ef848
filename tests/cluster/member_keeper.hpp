// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "storage/consensus/membership.hpp"
#include "storage/task_tables.hpp"
#include "tests/cluster/simulated_group.hpp"

#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

namespace coppice::test {

/// The name that the cluster group knows a machine by.
inline std::string manager_name(uint64_t machine) {
  return "m" + std::to_string(machine);
}

/// The part of a machine that keeps the members of the groups that it leads as
/// people want them, as its STATE_REPLICATORs do.
class member_keeper {
public:
  explicit member_keeper(uint64_t machine) : machine_(machine) {
    // nop
  }

  /// @param connected The other machines that can be reached.
  void run(std::deque<simulated_group>& groups, time_point now,
           const std::vector<uint64_t>& connected) const {
    membership_facts known;
    known.leader = numbered(machine_);
    for (auto id : connected)
      known.connected.push_back(numbered(id));
    auto rows = groups[0].state(machine_).read(
      [](const table_view& view) { return get_managers(view); });
    auto leaves = false;
    for (auto& row : rows)
      if (row.removed()) {
        known.removed.push_back(manager_tag(row.name()));
        leaves = leaves || row.name() == manager_name(machine_);
      }
    for (auto& group : groups)
      if (group.is_led_by(machine_) && leaves)
        (void)group.at(machine_).aut->transfer(0, now);
      else if (group.is_led_by(machine_))
        review(group, known);
  }

private:
  /// As in a node, the upper half of a member's number follows from its name.
  static uint64_t numbered(uint64_t machine) {
    return uint64_t{manager_tag(manager_name(machine))} << 32 | machine;
  }

  static uint64_t machine_of(uint64_t member) {
    return static_cast<uint32_t>(member);
  }

  void review(simulated_group& group, membership_facts known) const {
    auto& leader = group.at(machine_);
    known.members = leader.aut->members().value();
    for (auto& x : known.members)
      x.id = numbered(x.id);
    known.last_index = leader.aut->last_index();
    known.match
      = [&](uint64_t id) { return leader.aut->match_index(machine_of(id)); };
    auto next = next_members(known);
    if (!next)
      return;
    for (auto& x : *next)
      x.id = machine_of(x.id);
    group.aut.change_members(leader, std::move(*next));
  }

  uint64_t machine_;
};

} // namespace coppice::test

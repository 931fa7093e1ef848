// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "storage/consensus/lead_balance.hpp"
#include "tests/cluster/simulated_group.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace coppice::test {

/// The part of a machine that hands leads over until all lead about as many
/// groups, as its MANAGER does.
class lead_keeper {
public:
  explicit lead_keeper(uint64_t machine) : machine_(machine) {
    // nop
  }

  /// @param connected The other machines that can be reached.
  void run(std::deque<simulated_group>& groups, time_point now,
           const std::vector<uint64_t>& connected) {
    lead_facts known;
    known.self = machine_;
    auto all_known = true;
    for (size_t i = 0; i < groups.size(); ++i) {
      auto leader = groups[i].leader_for(machine_);
      all_known = all_known && leader != 0;
      ++known.leads[leader];
      if (!groups[i].is_led_by(machine_))
        since_.erase(i);
      else if (now >= since_.try_emplace(i, now).first->second + settled)
        known.movable.push_back(
          {std::to_string(i), heirs_of(groups[i].at(machine_), connected)});
    }
    auto move = all_known ? next_lead_move(known) : std::nullopt;
    if (!move)
      return;
    auto i = std::stoul(move->group);
    since_[i] = now;
    if (groups[i].at(machine_).aut->transfer(move->to, now))
      ++moves_;
  }

  void crash() {
    since_.clear();
  }

  size_t moves() const {
    return moves_;
  }

private:
  static constexpr milliseconds settled{300};

  static std::vector<uint64_t>
  heirs_of(const simulated_member& x, const std::vector<uint64_t>& connected) {
    std::vector<uint64_t> heirs;
    auto members = x.aut->members().value();
    for (auto& other : members)
      if (other.votes
          && std::count(connected.begin(), connected.end(), other.id))
        heirs.push_back(other.id);
    return heirs;
  }

  uint64_t machine_;
  std::map<size_t, time_point> since_; ///< When it began to lead a group.
  size_t moves_ = 0;
};

} // namespace coppice::test

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/command.pb.h"
#include "storage/consensus/configuration.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace coppice {

/// Returns what the numbers of all members have in common that the manager
/// *name* ever was: it is the upper half of them. The lower half is drawn when
/// its data folder is made, for who lost the folder is another member.
/// @returns not 0.
uint32_t manager_tag(std::string_view name) noexcept;

/// Returns the tag of the manager that *member* is.
inline uint32_t tag_of(uint64_t member) noexcept {
  return static_cast<uint32_t>(member >> 32);
}

/// Who says who the managers are.
struct manager_sources {
  /// The config file.
  std::vector<proto::ManagerRow> configured;

  /// The tables of the cluster group.
  std::vector<proto::ManagerRow> stored;
};

/// Returns all managers: those of the config file, at the addresses that it
/// gives them, and behind them those that only the tables know. Whether one was
/// removed is for the tables to say.
std::vector<proto::ManagerRow> known_managers(manager_sources x);

/// What the leader of a group knows of those who could be in it.
struct membership_facts {
  uint64_t leader = 0;

  std::vector<member_record> members;

  /// Whose replicas can be reached, without the leader's. The last known number
  /// of each manager.
  std::vector<uint64_t> connected;

  /// Managers that are to leave, by tag.
  std::vector<uint32_t> removed;

  /// The last entry of the leader's log.
  uint64_t last_index = 0;

  /// Up to where a member has it.
  std::function<uint64_t(uint64_t)> match;
};

/// Returns the next step to a group that has every manager that can be reached
/// and none that was removed, or nothing if there is none at the moment.
///
/// A newcomer begins as a learner and votes when it has caught up; if its
/// manager was a member before, and lost its data, the former member goes right
/// before that. No step leaves the group without a majority that can be
/// reached. One step at a time: see `is_one_change`.
std::optional<std::vector<member_record>>
next_members(const membership_facts& x);

} // namespace coppice

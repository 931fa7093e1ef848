// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/api.pb.h"
#include "runtime/error.hpp"
#include "runtime/health/node_entry.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

// What is regenerated, and when. Pure: functions of what is durable, of what
// the nodes say, and of the time.

namespace coppice {

/// The same hours of each day, in UTC. From after to: over midnight.
struct daily_hours {
  std::chrono::minutes from{0};
  std::chrono::minutes to{0};

  /// Returns whether *now_ms* is within, Unix time in milliseconds.
  bool contain(int64_t now_ms) const;

  friend bool operator==(const daily_hours&, const daily_hours&) = default;
};

/// What regeneration may cost.
struct regeneration_policy {
  using ms = std::chrono::milliseconds;

  /// Nodes at once, instances of services not counted: those wait for each
  /// other by themselves.
  size_t max_parallel = 1;
  /// This share of the workers stays, if there are two or more.
  double capacity_floor = 0.5;
  /// The same thing is not worn out again before; doubled for each time that it
  /// was not cured.
  ms cooldown{600'000};
  /// No node gets older than this; 0: they may get as old as they can.
  ms every{0};
  /// Then only what is at its limit, or asked for, is regenerated.
  std::optional<daily_hours> quiet{};
};

/// What a decision looks at.
struct regeneration_scene {
  /// All regenerations that are remembered, in their order.
  const std::vector<proto::RegenerationRow>& all;
  /// The list of nodes.
  const std::vector<node_entry>& nodes;
  /// What each node said last.
  const std::vector<const proto::VitalsRequest*>& said;
};

/// Returns why *x* may not begin now, though people want it: another is under
/// way, or it would cost a quorum of managers.
result<> may_begin(const proto::RegenerationRow& x,
                   const regeneration_scene& scene,
                   const regeneration_policy& policy);

/// Returns how old *node* may get: three quarters of `every` or more, by its
/// name, so that not all that began together end together.
std::chrono::milliseconds oldest(std::string_view node,
                                 const regeneration_policy& policy);

/// Returns what is to begin now because it is worn: the smallest part first.
/// What was regenerated in vain is not tried again; its node is. Behind that
/// comes what is as old as was planned.
std::vector<proto::RegenerationRow>
what_wears(const regeneration_scene& scene, const regeneration_policy& policy,
           int64_t now_ms);

} // namespace coppice

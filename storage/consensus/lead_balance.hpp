// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace coppice {

/// A group that this manager leads and may hand over.
struct led_group {
  std::string group;
  /// Who else votes in it and can be reached.
  std::vector<uint64_t> heirs;
};

/// What a manager knows of who leads what.
struct lead_facts {
  /// This manager, as member.
  uint64_t self = 0;
  /// How many groups each member leads, this one included; who leads none may
  /// be missing.
  std::map<uint64_t, uint32_t> leads;
  /// Of this manager, those that it has led for a while.
  std::vector<led_group> movable;
};

/// A group whose lead should go to another member.
struct lead_move {
  std::string group;
  uint64_t to = 0;

  bool operator==(const lead_move&) const = default;
};

/// Returns a group that this manager should hand over so that all lead about as
/// many, or nothing. It goes to the one that leads the fewest, and only if that
/// leads at least two less: a move that would not even things out is none.
std::optional<lead_move> next_lead_move(const lead_facts& x);

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/health/node_entry.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace coppice {

/// A piece of `node_changes`: a list of thousands of nodes is too large for one
/// message between nodes.
struct changes_part {
  /// Counted from 0.
  uint32_t index = 0;
  uint32_t count = 1;
  /// With all but the entries of the whole.
  node_changes changes;

  bool operator==(const changes_part&) const = default;
};

/// Cuts *x* so that names and cards of a part have about *bytes*, one entry at
/// least.
/// @returns One part at least.
std::vector<changes_part> cut(const node_changes& x, size_t bytes);

/// Puts the parts of one `node_changes` together.
///
/// They may come in any order and twice. If one is lost the others are dropped
/// when parts of another one come: the node asks again.
class changes_collector {
public:
  /// An answer with more parts is refused.
  static constexpr uint32_t max_parts = 4'096;

  /// Takes a part.
  /// @returns The whole, if it is complete with this part.
  std::optional<node_changes> add(changes_part x);

private:
  bool belongs(const changes_part& x) const;

  /// Unset are those that are missing.
  std::vector<std::optional<node_changes>> parts_;

  size_t missing_ = 0;
};

} // namespace coppice

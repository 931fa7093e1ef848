// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace coppice {

/// One start of one node, as leases and offers name it.
struct worker_key {
  /// Name of the node.
  std::string node;
  /// Start of the node; a later one has a higher number.
  uint64_t incarnation = 0;

  auto operator<=>(const worker_key&) const = default;
};

} // namespace coppice

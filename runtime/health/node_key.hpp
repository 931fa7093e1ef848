// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/error.hpp"

#include <compare>
#include <string>
#include <string_view>

namespace coppice {

/// The unique key of a node: names of nodes are unique in their cluster only.
struct node_key {
  std::string cluster;
  std::string node;

  auto operator<=>(const node_key&) const = default;
};

/// Renders *x* as people see it: `CLUSTER/NODE`.
/// @relates node_key
std::string to_string(const node_key& x);

/// Reads what `to_string` wrote.
/// @returns `ec::invalid_argument` unless *text* is two names with one slash
///          between them.
/// @relates node_key
result<node_key> parse_node_key(std::string_view text);

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace coppice {

/// Version of the list of nodes. Each change of the list has its own, and later
/// ones are greater.
///
/// The counter is durable and goes on over changes of the leader. The epoch is
/// raised when versions that were told before may mean something else now: the
/// cluster was restored from a backup, or a leader told changes before they
/// were durable. Between two epochs nothing can be told by difference. A later
/// epoch is greater, so it cannot be a number that was drawn.
struct list_version {
  uint64_t epoch = 0;
  uint64_t counter = 0;

  auto operator<=>(const list_version&) const = default;
};

/// Renders *x* for people: "2.4711".
/// @relates list_version
inline std::string to_string(const list_version& x) {
  return std::to_string(x.epoch) + "." + std::to_string(x.counter);
}

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstdint>
#include <string>

// The replicated groups of a cluster. Each is a log of its own with its own
// leader. Their names are used in messages, for folders, and for people.

namespace coppice {

/// The group that knows the managers, the shards, and the products.
inline constexpr const char* cluster_group = "cluster";

/// Returns the name of the group that is shard *number*.
inline std::string shard_group(uint32_t number) {
  return "shard-" + std::to_string(number);
}

} // namespace coppice

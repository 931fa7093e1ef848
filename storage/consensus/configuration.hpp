// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coppice {

/// A member of a group. One that does not vote gets every entry, but counts in
/// no majority: a newcomer begins so, and votes when it has caught up.
struct member_record {
  uint64_t id = 0;
  bool votes = true;

  friend bool operator==(const member_record&, const member_record&) = default;
};

/// Encodes who is in a group, as the log keeps it. Equal sets give equal bytes.
/// @returns `ec::invalid_argument` if nobody votes, or an id is 0 or given
///          twice.
/// @relates member_record
result<std::string> encode_members(std::vector<member_record> xs);

/// Reads who is in a group, ordered by id.
/// @returns `ec::corrupt_store` if *conf* is no configuration.
/// @relates member_record
result<std::vector<member_record>> decode_members(std::string_view conf);

/// Returns whether one step leads from *xs* to *ys*: one member comes, goes, or
/// begins or ceases to vote. Then any two majorities of both have a member in
/// common (Ongaro, "Consensus: bridging theory and practice", 4.1).
/// @relates member_record
bool is_one_change(const std::vector<member_record>& xs,
                   const std::vector<member_record>& ys);

} // namespace coppice

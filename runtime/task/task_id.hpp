// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/error.hpp"

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace coppice {

/// Names a task. Unique for ever, and enough to find the shard that has it: the
/// binding *epoch* of the *product* says where it was accepted.
struct task_id {
  /// Number of the product, given when the cluster first meets its name.
  uint32_t product = 0;
  /// Binding of the product to a shard, counted from 1.
  uint32_t epoch = 0;
  /// Order of acceptance in that binding, counted from 1.
  uint64_t sequence = 0;

  auto operator<=>(const task_id&) const = default;
};

/// Renders *x* as people and JSON see it: `PRODUCT.EPOCH.SEQUENCE`.
/// @relates task_id
std::string to_string(const task_id& x);

/// Reads what `to_string` wrote.
/// @returns `ec::invalid_argument` if *text* is anything else.
/// @relates task_id
result<task_id> parse_task_id(std::string_view text);

/// Length of an encoded task id.
/// @relates task_id
inline constexpr size_t task_key_size = 16;

/// Appends the 16 bytes of *x* to *key*: big-endian, so that keys sort as ids
/// do.
/// @relates task_id
void append_key(std::string& key, const task_id& x);

/// Reads the 16 bytes that `append_key` wrote.
/// @pre `bytes.size() >= task_key_size`
/// @relates task_id
task_id task_id_from_key(std::string_view bytes);

} // namespace coppice

template <>
struct std::hash<coppice::task_id> {
  size_t operator()(const coppice::task_id& x) const noexcept {
    // Sequences are dense: spread them over the table (Fibonacci hashing).
    auto mixed
      = x.sequence ^ (uint64_t{x.product} << 40) ^ (uint64_t{x.epoch} << 20);
    return static_cast<size_t>(mixed * 0x9E3779B97F4A7C15ULL);
  }
};

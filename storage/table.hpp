// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace coppice {

/// The tables of a group. `docs/disk-format.md` says what their keys and rows
/// are. On disk a table is found by its name, so the order here is free.
enum class table : uint8_t {
  meta,
  product,
  product_name,
  sequence,
  task_class,
  class_key,
  spec,
  task,
  attempt,
  queue,
  due,
  live,
  key,
  node,
  node_name,
  kind,
  checkpoint,
  checkpoint_chunk,
  manager,
  shard,
  node_list,
  event,
  token,
  service,
  journal,
  journal_event,
  journal_reply,
  journal_id,
  journal_chunk,
  regeneration,
};

/// How many tables there are.
/// @relates table
inline constexpr size_t table_count = 30;

/// @relates table
inline constexpr size_t to_index(table x) noexcept {
  return static_cast<size_t>(x);
}

/// Returns the name of *x*, on disk and in errors.
/// @relates table
const char* to_string(table x) noexcept;

/// A key and its value. See `table_view` for how long they are valid.
using table_row = std::pair<std::string_view, std::string_view>;

} // namespace coppice

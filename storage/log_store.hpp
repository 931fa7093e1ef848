// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/error.hpp"
#include "storage/consensus/log_entry.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace coppice {

/// What the engine needs of an entry at start.
struct log_head {
  uint64_t term = 0;
  entry_type type = entry_type::command;
  uint32_t size = 0; ///< Bytes of data.
};

/// All that a log store knows at start, without the data of commands.
struct log_image {
  hard_state state;
  log_base base;
  std::vector<log_head> heads; ///< Of the entries after the base, in order.
  std::vector<configuration_record> configurations; ///< Of those in the log.

  uint64_t last_index() const noexcept {
    return base.position.index + heads.size();
  }
};

/// What one turn changes, all of it or nothing, in this order.
struct log_write {
  std::optional<hard_state> state;
  /// Drops all entries; the log goes on after this base.
  std::optional<log_base> reset;
  /// Drops the entries from here on; 0: none.
  uint64_t truncate_from = 0;
  /// Appends these at *first*, which is right after the last one.
  uint64_t first = 0;
  std::span<const log_entry> entries;
  /// Drops the entries up to this base.
  std::optional<log_base> trim;

  bool empty() const noexcept {
    return !state && !reset && truncate_from == 0 && entries.empty() && !trim;
  }
};

/// The durable part of a replica: its log and its hard state. Implementations
/// are not thread-safe: exactly one replica uses a store.
class log_store {
public:
  virtual ~log_store() = default;

  // -- modifiers --------------------------------------------------------------

  /// Carries out *x* in one transaction. It is durable on return.
  /// @returns `ec::storage_failure` if nothing of *x* was done. The same call
  ///          may be tried again.
  virtual result<> write(const log_write& x) = 0;

  // -- properties -------------------------------------------------------------

  /// Reads what the engine needs at start.
  /// @returns `ec::corrupt_store` if the log has a gap or a row that makes no
  ///          sense.
  virtual result<log_image> load() = 0;

  /// Reads entries in [*from*, *to*), as many as fit in *max_bytes* of data,
  /// but at least one.
  /// @returns `ec::corrupt_store` if one of them is not there.
  virtual result<std::vector<log_entry>>
  read(uint64_t from, uint64_t to, size_t max_bytes) = 0;

  /// Returns the index after the base, whether there is an entry or not.
  virtual uint64_t first_index() const = 0;

  /// Returns the last index, or that of the base if there is no entry.
  virtual uint64_t last_index() const = 0;
};

} // namespace coppice

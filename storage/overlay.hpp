// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "storage/table.hpp"

#include <array>
#include <cstddef>
#include <map>
#include <memory_resource>
#include <string_view>

namespace coppice {

/// Changes that are not in LMDB yet, in memory: a layer over the tables.
///
/// Keys and values live in an arena and are never moved or written over: what
/// `find` returned stays valid as long as the overlay, whatever is changed
/// later. That costs the memory of old values until the whole is dropped, which
/// `bytes` counts.
class overlay {
public:
  // -- member types -----------------------------------------------------------

  /// What is known of a key.
  struct entry {
    std::string_view value;
    /// The key has been erased: whatever lies below is hidden.
    bool erased = false;
    /// No layer below has a value: erasing it needs no tombstone.
    bool fresh = false;
  };

  using map_type = std::pmr::map<std::string_view, entry, std::less<>>;

  // -- constructors, destructors, and assignment operators --------------------

  overlay();

  overlay(const overlay&) = delete;

  overlay& operator=(const overlay&) = delete;

  // -- modifiers --------------------------------------------------------------

  /// Writes a row over what was there.
  void put(table where, std::string_view key, std::string_view value);

  /// Writes a row whose key has no value in the layers below.
  void insert_new(table where, std::string_view key, std::string_view value);

  /// Erases a row.
  void erase(table where, std::string_view key);

  // -- properties -------------------------------------------------------------

  /// Returns what this layer knows of *key*, or null if it knows nothing.
  const entry* find(table where, std::string_view key) const;

  /// Returns all it knows of a table, ordered by key.
  const map_type& rows(table where) const noexcept {
    return maps_[to_index(where)];
  }

  /// Returns how many keys it knows.
  size_t keys() const noexcept {
    return keys_;
  }

  /// Returns how much memory keys and values took, in bytes, old ones included.
  size_t bytes() const noexcept {
    return bytes_;
  }

private:
  // -- modifiers --------------------------------------------------------------

  std::string_view store(std::string_view x);

  entry& at(table where, std::string_view key, bool fresh);

  // -- member variables -------------------------------------------------------

  std::pmr::monotonic_buffer_resource arena_;

  std::array<map_type, table_count> maps_;

  size_t keys_ = 0;

  size_t bytes_ = 0;
};

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/health/node_entry.hpp"

#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace coppice {

/// The versioned list of the nodes of a cluster.
///
/// Pure: it holds what is durable already. It finds the changes since a version
/// without looking at the rest; a node that changed twice is told once.
class node_table {
public:
  // -- constants --------------------------------------------------------------

  /// So many forgotten nodes are still told by difference.
  static constexpr size_t max_tombstones = 1'000;

  // -- constructors, destructors, and assignment operators --------------------

  /// @param rows All of them, in any order, each with a version of its own.
  /// @param version Of the last change; not below that of any row.
  /// @param forgotten Of the last row that was forgotten. If that is not known:
  ///                  *version*, then all are told the whole list once.
  node_table(std::string cluster, const std::vector<node_entry>& rows,
             list_version version, list_version forgotten);

  // -- modifiers --------------------------------------------------------------

  /// Takes over a row that was made durable.
  /// @returns False if its version is not above that of the list: it is known.
  bool put(const node_entry& row);

  // -- properties -------------------------------------------------------------

  /// Returns what changed after *version*, or the whole list if that cannot be
  /// told by difference any more.
  node_changes since(list_version version) const;

  /// Returns the row of *node*, or null. Valid until the next modifier.
  const node_entry* find(const std::string& node) const;

  const std::string& cluster() const {
    return cluster_;
  }

  list_version version() const {
    return version_;
  }

  /// Returns all rows, in order of their change.
  std::vector<node_entry> rows() const;

private:
  // -- member functions -------------------------------------------------------

  void erase(const std::string& node);

  void bury(list_version version);

  // -- member variables -------------------------------------------------------

  std::string cluster_;

  list_version version_;

  /// Of the last forgotten node that cannot be told by difference any more.
  list_version forgotten_;

  /// By the version of the row. The last forgotten ones are among them.
  std::map<list_version, node_entry> rows_;

  std::unordered_map<std::string, std::map<list_version, node_entry>::iterator>
    nodes_;

  /// Versions of forgotten rows, in order. Some may have registered since.
  std::deque<list_version> tombstones_;
};

} // namespace coppice

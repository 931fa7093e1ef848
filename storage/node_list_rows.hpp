// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/health/node_entry.hpp"
#include "storage/table_view.hpp"

#include <optional>
#include <string_view>
#include <vector>

// The list of nodes in the tables of the cluster group. Only the state machine
// changes it.

namespace coppice {

/// How far the list has come.
struct node_list_head {
  /// Of the last change.
  list_version version;
  /// Of the last row that was forgotten; zeros if there was none.
  list_version forgotten;
};

/// Returns zeros for a list that never changed.
node_list_head get_node_list_head(const table_view& view);

void put_node_list_head(table_view& view, const node_list_head& x);

std::optional<node_entry> get_list_row(const table_view& view,
                                       std::string_view node);

/// Returns the whole list, ordered by name.
std::vector<node_entry> get_list_rows(const table_view& view);

void put_list_row(table_view& view, const node_entry& x);

void erase_list_row(table_view& view, std::string_view node);

} // namespace coppice

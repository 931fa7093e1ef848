// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/node_list.pb.h"
#include "runtime/health/node_entry.hpp"
#include "storage/table_view.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

// The list of nodes, and the events, in the tables of the cluster group. Only
// the state machine changes them.

namespace coppice {

/// How far the list has come.
struct node_list_head {
  /// Of the last change.
  list_version version;
  /// Of the last row that was forgotten; zeros if there was none.
  list_version forgotten;
  /// Number of the last event; 0 if there was none.
  uint64_t last_event = 0;
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

/// Writes an event behind all others.
/// @param x Its number is the next one.
void put_event(table_view& view, const proto::Event& x);

void erase_event(table_view& view, uint64_t number);

/// Returns the last events behind number *after*, at most *limit*, in order.
std::vector<proto::Event> get_events(const table_view& view, uint64_t after,
                                     uint32_t limit);

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/api.pb.h"
#include "runtime/error.hpp"
#include "runtime/task/clocks.hpp"
#include "runtime/task/task_id.hpp"
#include "runtime/task/worker_key.hpp"
#include "storage/table_view.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

// What leaders and clients ask the tables of a shard, put together from rows.

namespace coppice {

/// Puts a task together.
/// @param full With spec and attempts.
/// @returns `not_found` if there is none with this id.
result<proto::Task> read_task(const table_view& view, const task_id& id,
                              bool full);

/// Called for each task of a list before its state is looked at: adds what only
/// the leader's memory knows.
using task_amendment = std::function<void(const task_id&, proto::Task&)>;

/// Lists the tasks that *what* selects, behind *after*. Looks at a bounded
/// number of rows, so the list may be short, or empty, and `next` set.
void list_tasks(const table_view& view, const proto::ListRequest& what,
                const task_id& after, const task_amendment& amend,
                proto::ListReply& out);

/// An attempt that is leased, as a leader wants to know it.
struct lease_view {
  task_id task;
  uint32_t attempt = 0;
  worker_key worker;
  clocks limits;
  int64_t first_leased_ms = 0;
  bool cancel_requested = false;
};

/// Returns all leases.
std::vector<lease_view> get_leases(const table_view& view);

/// Returns the leases of one node.
std::vector<lease_view> get_leases_of(const table_view& view,
                                      std::string_view node);

/// Finds where an attempt ran, or runs.
/// @param attempt Its number; 0 means the latest.
/// @returns `not_found` if there is no such attempt; otherwise its number and
///          the name of its node.
result<std::pair<uint32_t, std::string>>
locate_attempt(const table_view& view, const task_id& id, uint32_t attempt);

/// Returns up to *limit* ended attempts of a task before *attempt*, the latest
/// one first.
std::vector<proto::Attempt> attempts_before(const table_view& view,
                                            const task_id& id, uint32_t attempt,
                                            size_t limit);

/// Describes a node, as far as its row knows it.
void describe_node(const proto::NodeRow& row, proto::Node& out);

/// Returns whether two attempts of a task must never overlap, not even on a
/// node that is cut off.
bool is_exclusive(const table_view& view, const task_id& id);

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/cluster.pb.h"
#include "runtime/health/node_entry.hpp"

#include <optional>
#include <string>

// Which changes of a node's row are allowed: a later start wins, and the end of
// a start is final, but for one that was only believed to be down. The state
// machine and the information centre go by the same rules.

namespace coppice {

/// What to do about a node that wants to register, or gives a sign of life.
enum class admission : uint8_t {
  /// It is new, or was believed to be down: its row is to be written.
  fresh,
  /// It is registered and healthy.
  known,
  /// It never can be: this start has left, or a later one has registered.
  over,
};

/// Judges a start of a node.
/// @param row What is known of the node, or null.
admission admit(const node_entry* row, const worker_key& start);

/// Returns the row of a start that registers, without its version, or nothing
/// if there is nothing to write. Ask `admit` why.
std::optional<node_entry> registered(const node_entry* row,
                                     const worker_key& start,
                                     const std::string& card);

/// Returns the row of a start that leaves, without its version, or nothing if
/// there is nothing to write.
std::optional<node_entry> left(const node_entry* row, const worker_key& start);

/// Returns the row of a start that is declared down, without its version, or
/// nothing if there is nothing to write. Proof may follow silence, not the
/// other way round.
/// @pre *cause* is not `none`.
std::optional<node_entry> down(const node_entry* row, const worker_key& start,
                               down_cause cause);

/// Returns the row of a node that is to be forgotten, without its version, or
/// nothing: a healthy one cannot be.
std::optional<node_entry> forgotten(const node_entry* row);

/// Returns the row of a node that is drained from now on, or until another
/// deadline, without its version, or nothing if there is nothing to write.
std::optional<node_entry> drained(const node_entry* row, const node_hold& hold);

/// Returns the row of a node that is not drained any more, without its version,
/// or nothing if there is nothing to write.
std::optional<node_entry> released(const node_entry* row);

/// Returns the row of a node in a phase of its regeneration, or, with nothing,
/// after it; without its version.
node_entry regenerating(const node_entry& row,
                        const std::optional<node_regeneration>& x);

/// Returns what keeps tasks away from a node: people drain it, or it is being
/// regenerated.
std::optional<node_hold> task_hold(const node_entry& row);

/// Returns whether a node is to be given no services: as long as people drain
/// it, or until it is back after it was cut back.
bool keeps_services_away(const node_entry& row);

/// Returns whether a node is to have no services any more, also where nobody
/// else can have them: its process is about to end.
bool sends_services_away(const node_entry& row);

/// Returns what a node has to do with its attempts.
/// @param now_ms Unix time in milliseconds.
proto::DrainOrder drain_order(const std::optional<node_hold>& hold,
                              int64_t now_ms);

/// Returns whether *row* proves that its start is over: the process is gone, as
/// far as a refused connection can tell. Enough for leases that attempts are
/// fenced for, not for exclusive ones. Of earlier starts it proves nothing:
/// this one says hello, and may bring what they came to.
bool proves_end(const node_entry& row);

} // namespace coppice

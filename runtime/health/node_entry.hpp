// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/regeneration.pb.h"
#include "runtime/health/list_version.hpp"
#include "runtime/task/worker_key.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace coppice {

/// What the list says of a node.
enum class node_state : uint8_t {
  /// It registered, and nothing speaks against it.
  healthy = 1,
  /// It ended, or seems to have ended, without saying so.
  down = 2,
  /// It was stopped in good order, and said so.
  left = 3,
  /// It is in the list no more. Only told, never kept.
  forgotten = 4,
};

/// Why a node is down.
enum class down_cause : uint8_t {
  none = 0,
  /// It was silent for the keep-alive limit. No proof: it may be frozen or cut
  /// off, and its leases live until they end.
  silent = 1,
  /// Its connection broke and a new one was refused: the process is gone.
  refused = 2,
};

/// Returns the name of *x*, or "unknown" for a number of a newer peer.
/// @relates node_state
const char* to_string(node_state x) noexcept;

/// Says *x* for people.
/// @relates down_cause
const char* describe(down_cause x) noexcept;

/// People drain a node: it gets no more tasks until they release it, over
/// restarts as well. Unix times in milliseconds.
struct node_hold {
  int64_t since_ms = 0;
  /// What still runs then is stopped; 0: never.
  int64_t deadline_ms = 0;

  bool operator==(const node_hold&) const = default;
};

/// A node is cut back, to grow again: until then it is given nothing.
struct node_regeneration {
  uint64_t number = 0;
  proto::RegenerationPhase phase = proto::NO_PHASE;
  /// Unix times in milliseconds.
  int64_t since_ms = 0;
  /// Tasks that have not moved by then are stopped; 0: never.
  int64_t drain_deadline_ms = 0;
  /// The start that is cut back: a later one is what has grown again.
  uint64_t incarnation = 0;

  bool operator==(const node_regeneration&) const = default;
};

/// What the list says of one node: a durable row, an event, and an item of an
/// answer.
struct node_entry {
  /// The last start that registered.
  worker_key start;
  node_state state = node_state::healthy;
  /// Only with `down`.
  down_cause cause = down_cause::none;
  /// What the node says of itself when it registers: address, roles, labels.
  /// The list does not look into it.
  std::string card;
  /// When it changed last.
  list_version changed;
  /// The same as Unix time in milliseconds, for people.
  int64_t changed_ms = 0;
  /// Empty unless it is drained.
  std::optional<node_hold> hold{};
  /// Empty unless it is being regenerated.
  std::optional<node_regeneration> regeneration{};

  bool operator==(const node_entry&) const = default;
};

/// All changes of the list from one version to another: an event, and the
/// answer to a query. Of each node only its last change is in there.
struct node_changes {
  std::string cluster;
  /// It is the whole list at *version*: what is not in it does not exist.
  bool whole = false;
  /// The version that the changes follow. Unset if it is the whole list.
  list_version since;
  list_version version;
  /// In order of their change.
  std::vector<node_entry> entries;

  bool operator==(const node_changes&) const = default;
};

/// Returns whether *x* can have come from a node list: what peers send may be
/// anything.
/// @relates node_changes
bool is_sound(const node_changes& x);

} // namespace coppice

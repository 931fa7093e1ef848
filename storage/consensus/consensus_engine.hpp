// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/error.hpp"
#include "storage/consensus/log_entry.hpp"
#include "storage/consensus/peer_message.hpp"
#include "storage/log_store.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

struct raft_shim; // The only trace of libraft here.

namespace coppice {

/// What a member of a group is at the moment.
enum class role : uint8_t { follower, candidate, leader };

/// Returns the name of *x*.
/// @relates role
const char* to_string(role x) noexcept;

/// What an engine is told once.
struct engine_options {
  uint64_t id = 0;
  uint32_t seed = 0;
  std::chrono::milliseconds election_timeout{500};
  std::chrono::milliseconds heartbeat{50};
  uint32_t max_inflight_entries = 16;
  bool pre_vote = true;
};

/// A message to send.
struct engine_message {
  peer_message message;
  /// How many entries the driver has to fill in from its log.
  uint32_t entries = 0;
};

/// What an event changed. The driver carries it out in the order of the fields
/// (Raft, figure 2: persist before answering).
struct engine_update {
  bool hard_state_changed = false;
  bool role_changed = false;
  bool commit_changed = false;

  /// Entries to put into the log at *first*, over what is there: *appended* of
  /// those passed in, from *skipped* on, or one barrier of the engine's own.
  bool own_barrier = false;
  uint64_t first = 0;
  size_t skipped = 0;
  size_t appended = 0;

  std::vector<engine_message> messages;
};

/// The rules of Raft: an event goes in, what has to be done comes out.
///
/// Pure: no I/O, no clock, no threads, no log data. Behind it is libraft's
/// `raft_step`, which nobody else sees, so that it can be replaced. The caller
/// passes time in, never backwards.
class consensus_engine {
public:
  // -- member types -----------------------------------------------------------

  using time_point = std::chrono::steady_clock::time_point;

  // -- constructors, destructors, and assignment operators --------------------

  /// @pre `x.id != 0`
  explicit consensus_engine(const engine_options& x);

  consensus_engine(consensus_engine&&) noexcept;

  consensus_engine& operator=(consensus_engine&&) noexcept;

  ~consensus_engine();

  // -- events -----------------------------------------------------------------

  // Each returns `ec::corrupt_store` if what it is told contradicts what a
  // quorum has, and `ec::invalid_argument` if the engine refuses the event.

  /// Begins with what is on disk. *snapshot* says what the tables behind the
  /// log have already; it is the base for a log that was trimmed.
  /// @pre The log reaches from `x.base` to the snapshot or beyond.
  result<engine_update> start(const log_image& x,
                              const std::optional<log_base>& snapshot,
                              time_point now);

  /// Takes a message from another member. Ignores offers of a snapshot: those
  /// are the driver's to answer.
  /// @pre At most its first entry is a configuration.
  result<engine_update> receive(const peer_message& x, time_point now);

  /// Appends entries of the current term to the leader's log.
  /// @returns `ec::not_leader` if this member may not.
  result<engine_update> submit(std::span<const log_entry> xs, time_point now);

  /// Learns that the log is durable up to *index*.
  result<engine_update> persisted(uint64_t index, time_point now);

  /// Learns that `deadline()` has passed.
  result<engine_update> timeout(time_point now);

  /// Learns that a configuration has been committed.
  result<engine_update> configuration_committed(const configuration_record& x,
                                                time_point now);

  /// Learns that the tables are durable up to *snapshot*, and that only
  /// *trailing* entries before it stay in the log.
  result<engine_update> compact(const log_base& snapshot, uint32_t trailing,
                                time_point now);

  /// Hands the lead over to member *to*, or to any voter if it is 0.
  result<engine_update> transfer(uint64_t to, time_point now);

  // -- properties -------------------------------------------------------------

  hard_state state() const;

  role current_role() const;

  /// Returns the leader, or 0 if it is unknown or just handing over. May name
  /// the leader of an earlier term.
  uint64_t leader() const;

  /// Returns up to where a quorum has the log. May go back (a late message can
  /// make libraft forget): the caller keeps the maximum.
  uint64_t commit_index() const;

  uint64_t last_index() const;

  /// Returns up to where member *id* is known to have this leader's log; 0 if
  /// that is unknown.
  uint64_t match_index(uint64_t id) const;

  /// Returns whether the lead is being handed over: nothing can be submitted.
  bool transferring() const;

  /// Returns when `timeout` is due.
  time_point deadline() const;

private:
  struct deleter {
    void operator()(raft_shim* x) const noexcept;
  };

  uint64_t id_;

  std::unique_ptr<raft_shim, deleter> raft_;
};

} // namespace coppice

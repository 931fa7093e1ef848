// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// A C face of libraft's pure engine: `raft_step()` and nothing else.
//
// The header of libraft 0.22.1 does not compile as C++, its v0 interface is
// broken for anything but its own libuv backend, and the rules of who frees
// what change after 0.22.1. This file and raft_shim.c are the only place that
// knows libraft. No I/O, no clock, no threads, no state outside of the handle.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// One member of a group, as libraft sees it.
typedef struct raft_shim raft_shim;

/// What a member is told once.
typedef struct {
  uint64_t id;
  uint32_t seed;
  uint32_t election_timeout_ms;
  uint32_t heartbeat_ms;
  uint32_t max_inflight_entries;
  bool pre_vote;
} raft_shim_options;

/// One log entry. The engine looks into the data of configurations only.
typedef struct {
  uint64_t term;
  uint8_t type; ///< 1 command, 2 barrier, 3 configuration
  const void* data;
  size_t size;
} raft_shim_entry;

/// The kinds of `raft_shim_message`.
enum {
  RAFT_SHIM_APPEND_ENTRIES = 1,
  RAFT_SHIM_APPEND_REPLY,
  RAFT_SHIM_REQUEST_VOTE,
  RAFT_SHIM_VOTE_REPLY,
  RAFT_SHIM_INSTALL_SNAPSHOT, ///< Sent only.
  RAFT_SHIM_TIMEOUT_NOW
};

/// One message, flat: what a field means depends on *type*.
typedef struct {
  uint8_t type;
  uint64_t peer; ///< The sender of what is received, else the receiver.
  uint64_t term;
  /// append: what precedes the entries; vote, timeout: the end of the log;
  /// snapshot: its last entry.
  uint64_t index;
  uint64_t index_term;
  uint64_t commit;     ///< append
  uint64_t rejected;   ///< append reply
  uint64_t last_index; ///< append reply
  uint64_t conf_index; ///< snapshot
  bool granted;        ///< vote reply
  bool pre_vote;       ///< vote, vote reply
  bool disrupt_leader; ///< vote
  /// append: borrowed for the call; null in what is sent, where only the
  /// number is known.
  const raft_shim_entry* entries;
  size_t n_entries;
} raft_shim_message;

/// A snapshot as the engine knows it: what its last entry was, and the
/// configuration in force there. Borrowed for the call.
typedef struct {
  uint64_t index;
  uint64_t term;
  uint64_t conf_index;
  const void* conf;
  size_t conf_size;
} raft_shim_snapshot;

/// What changed in a step.
typedef struct {
  bool hard_state; ///< Term or vote: see `raft_shim_term`, `raft_shim_vote`.
  bool state;      ///< The role: see `raft_shim_role`.
  bool commit;     ///< See `raft_shim_commit`.
  /// Entries to persist: *n_entries* from *first*. They are those that were
  /// passed in, from *skipped* on, or else one barrier of the engine's own.
  bool own_barrier;
  uint64_t first;
  size_t skipped;
  size_t n_entries;
  size_t n_messages; ///< See `raft_shim_message_at`.
} raft_shim_update;

/// Makes a member that has not started.
/// @returns Null if memory is short. The caller owns it.
raft_shim* raft_shim_new(const raft_shim_options* x);

/// Releases *self*; null is fine.
void raft_shim_delete(raft_shim* self);

// Events. Each returns 0 or a code of libraft (see `raft_shim_error`). *now* is
// in milliseconds and must never go back.

/// @param snapshot Null if the log begins at 1.
int raft_shim_start(raft_shim* self, uint64_t now, uint64_t term, uint64_t vote,
                    const raft_shim_snapshot* snapshot, uint64_t first,
                    const raft_shim_entry* entries, size_t n,
                    raft_shim_update* out);

int raft_shim_receive(raft_shim* self, uint64_t now, const raft_shim_message* x,
                      raft_shim_update* out);

/// @pre `n > 0`, and every entry has the current term.
int raft_shim_submit(raft_shim* self, uint64_t now,
                     const raft_shim_entry* entries, size_t n,
                     raft_shim_update* out);

/// @pre *index* is greater than at the last call, or follows a truncation.
int raft_shim_persisted(raft_shim* self, uint64_t now, uint64_t index,
                        raft_shim_update* out);

int raft_shim_timeout(raft_shim* self, uint64_t now, raft_shim_update* out);

/// The configuration at *index* is committed.
int raft_shim_configuration(raft_shim* self, uint64_t now, uint64_t index,
                            const void* conf, size_t size,
                            raft_shim_update* out);

/// A snapshot was taken; *trailing* entries before it stay in the log.
int raft_shim_compact(raft_shim* self, uint64_t now,
                      const raft_shim_snapshot* x, uint32_t trailing,
                      raft_shim_update* out);

/// @param to The new leader, or 0 for any voter.
int raft_shim_transfer(raft_shim* self, uint64_t now, uint64_t to,
                       raft_shim_update* out);

// Properties.

/// Returns message *i* of the last step.
raft_shim_message raft_shim_message_at(const raft_shim* self, size_t i);

uint64_t raft_shim_term(const raft_shim* self);
uint64_t raft_shim_vote(const raft_shim* self);
uint64_t raft_shim_commit(const raft_shim* self);
uint64_t raft_shim_last_index(const raft_shim* self);
uint64_t raft_shim_leader(const raft_shim* self);
uint64_t raft_shim_transferee(const raft_shim* self);
/// Returns 0 follower, 1 candidate, 2 leader.
int raft_shim_role(const raft_shim* self);
/// Returns when to call `raft_shim_timeout`.
uint64_t raft_shim_deadline(const raft_shim* self);
/// Returns up to where member *id* is known to have the leader's log, or 0.
uint64_t raft_shim_match(const raft_shim* self, uint64_t id);

/// Returns what a code means.
const char* raft_shim_error(int code);

/// A member of a group. One that does not vote gets all entries, but counts in
/// no majority.
typedef struct {
  uint64_t id;
  bool votes;
} raft_shim_member;

/// Encodes a configuration.
/// @param out Receives memory that the caller gives to `raft_shim_free`.
int raft_shim_encode(const raft_shim_member* members, size_t n, void** out,
                     size_t* size);

/// Reads the members of a configuration.
/// @param out Room for *room* members.
/// @param n Receives the number of members, which may be larger.
int raft_shim_decode(const void* conf, size_t size, raft_shim_member* out,
                     size_t room, size_t* n);

void raft_shim_free(void* x);

#ifdef __cplusplus
}
#endif

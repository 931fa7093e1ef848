// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "storage/consensus/log_entry.hpp"

#include <cstdint>
#include <variant>
#include <vector>

namespace coppice {

/// The leader's entries, or its sign of life if there are none.
struct append_entries {
  uint64_t term = 0;
  log_position previous; ///< What must precede the entries.
  uint64_t commit = 0;   ///< Up to where the leader knows a quorum.
  std::vector<log_entry> entries;
};

/// The answer to `append_entries`.
struct append_reply {
  uint64_t term = 0;
  uint64_t rejected = 0;   ///< The index that did not match; 0: accepted.
  uint64_t last_index = 0; ///< What the follower has on its disk, or a hint.
};

/// Asks for a vote.
struct vote_request {
  uint64_t term = 0;
  log_position last; ///< The end of the candidate's log.
  bool pre_vote = false;
  bool disrupt_leader = false; ///< The leader itself asked for the election.
};

/// The answer to `vote_request`.
struct vote_reply {
  uint64_t term = 0;
  bool granted = false;
  bool pre_vote = false;
};

/// Offers the leader's tables, because its log no longer reaches the follower.
struct install_snapshot {
  uint64_t term = 0;
  log_position last; ///< The last entry in them.
  uint64_t configuration_index = 0;
  /// The first entry that the leader still has: a follower that has all before
  /// it needs no tables.
  uint64_t first = 0;
};

/// Tells the follower to stand for election at once.
struct timeout_now {
  uint64_t term = 0;
  log_position last; ///< The end of the leader's log.
};

/// What replicas of a group tell each other. May be lost, late, repeated or out
/// of order.
struct peer_message {
  uint64_t from = 0;
  uint64_t to = 0;
  std::variant<append_entries, append_reply, vote_request, vote_reply,
               install_snapshot, timeout_now>
    body;
};

} // namespace coppice

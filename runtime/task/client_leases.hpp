// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/command.pb.h"
#include "runtime/task/attempt_key.hpp"
#include "runtime/task/lease_book.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace coppice {

/// The leases of one scheduling client in one shard: how far each is, until
/// when its client has to be heard of it, and how it ended.
///
/// Pure, and owned by a SCHEDULING_CLIENT. Time is passed in; as in a
/// `lease_book`, a tick that comes late blames nobody for it.
class client_leases {
public:
  // -- member types -----------------------------------------------------------

  using time_point = lease_book::time_point;

  /// A lease that is not over, as far as is known.
  struct held {
    /// When it was given to the client, Unix time in milliseconds.
    int64_t started_ms = 0;
    /// Size of the checkpoint that the client got with it, -1 if there is none.
    int64_t resumed_bytes = -1;
    /// The last one that the client reported.
    proto::Progress progress;
    /// Why the client is to stop.
    std::optional<proto::Reason> stop;
    /// How it ended; kept until that is durable.
    std::optional<proto::FinishCommand::Item> end;
    /// Number of its last checkpoint.
    uint32_t checkpoints = 0;
  };

  using held_map = std::map<attempt_key, held>;

  // -- constructors, destructors, and assignment operators --------------------

  /// @param lease How long one lives without news.
  /// @param tick How often `expired` is asked.
  client_leases(std::chrono::milliseconds lease,
                std::chrono::milliseconds tick);

  // -- modifiers --------------------------------------------------------------

  /// Takes note of a lease.
  /// @returns False if it was refused before: nobody may have it.
  bool grant(const attempt_key& key, int64_t wall_ms, time_point now);

  /// Takes note of a lease that has ended before it reached the client.
  void give_back(const attempt_key& key, proto::FinishCommand::Item end);

  /// Takes note of a sign of life. Unknown keys are ignored.
  void heard(const attempt_key& key, time_point now);

  /// Takes note of progress, if it says anything new.
  void progress(const attempt_key& key, proto::Progress x, int64_t wall_ms);

  /// Takes note that the client is to stop, also before the lease is here. A
  /// cancel outdoes all other reasons.
  void stop(const attempt_key& key, proto::Reason why);

  /// Takes note how a lease ended; the first end counts.
  void finish(const attempt_key& key, proto::FinishCommand::Item end);

  /// Forgets a lease that is over.
  void erase(const attempt_key& key);

  /// Forgets a lease that somebody else has ended, and refuses it should it
  /// come later.
  void refuse(const attempt_key& key);

  /// Returns leases whose client was silent for too long, each once.
  std::vector<attempt_key> expired(time_point now);

  /// Takes note that a request of the client got *keys*.
  void remember(const std::string& request, std::vector<attempt_key> keys,
                time_point now);

  // -- properties -------------------------------------------------------------

  /// Returns what is known of a lease, or null. Valid until the next modifier.
  const held* find(const attempt_key& key) const;

  held* find(const attempt_key& key);

  /// Returns whether a lease is there and has not ended.
  bool is_live(const attempt_key& key) const;

  const held_map& all() const {
    return held_;
  }

  size_t size() const {
    return held_.size();
  }

  /// Returns what a request has got that has not ended since; nothing if it is
  /// not known, or was too long ago.
  std::optional<std::vector<attempt_key>>
  recall(const std::string& request) const;

private:
  // -- member types -----------------------------------------------------------

  struct answered {
    std::vector<attempt_key> keys;
    time_point at;
  };

  // -- member functions -------------------------------------------------------

  void forget_requests(time_point now);

  // -- member variables -------------------------------------------------------

  /// Each lease is a worker of its own there: of each there must be news.
  lease_book clock_;

  held_map held_;

  /// Reasons to stop that came before their leases.
  std::map<attempt_key, proto::Reason> early_stops_;

  std::set<attempt_key> refused_;

  std::map<std::string, answered> requests_;

  /// Their ids, the oldest first.
  std::deque<std::string> request_order_;
};

} // namespace coppice

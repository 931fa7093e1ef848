// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/task.pb.h"
#include "runtime/task/attempt_key.hpp"
#include "runtime/task/clocks.hpp"
#include "runtime/task/worker_key.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

namespace coppice {

/// How patient a lease book is.
struct lease_limits {
  /// How long a lease lives without a report.
  std::chrono::milliseconds lease{10'000};
  /// How often `lease_book::tick` is to be called.
  std::chrono::milliseconds tick{100};
  /// How long a worker may take to stop an attempt.
  std::chrono::milliseconds stop_grace{10'000};
};

/// Watches the attempts that are leased: silence of their worker, lack of
/// progress, total time.
///
/// Pure, and owned by the leader of a shard (TASK TRACKER); a new leader fills
/// its own, and all clocks but the total one start in full. Time is passed in.
/// The book keeps a time of its own, which follows the caller's but advances by
/// at most two tick intervals from one tick to the next: a tick that comes late
/// by more than one interval shifts all deadlines by the rest, so that an
/// observer that was stalled blames nobody for it.
///
/// A report of a worker costs the same whatever it holds: deadlines are
/// computed anew only when an earlier one of the attempt has passed.
class lease_book {
public:
  // -- member types -----------------------------------------------------------

  using time_point = std::chrono::steady_clock::time_point;

  /// A clock that ran out. Each is told once.
  struct expiry {
    attempt_key key;
    worker_key worker;
    /// LEASE_EXPIRED: the worker was silent. TOTAL_TIMEOUT, STALLED, or what
    /// was passed to `stopping`.
    proto::Reason reason;
    /// True: the attempt is over, whatever the worker says. False: the worker
    /// is to be asked to stop it; if the attempt is not erased within
    /// `lease_limits::stop_grace`, it is told again as final.
    bool final;

    bool operator==(const expiry&) const = default;
  };

  /// What is known of a leased attempt.
  struct held {
    worker_key worker;
    clocks limits;
    /// The worker said that it started, at this Unix time in milliseconds.
    bool started = false;
    int64_t started_ms = 0;
    /// It was leased by an earlier leader, to whom the worker may have said so.
    bool adopted = false;
    /// The last one reported.
    proto::Progress progress;
    /// Its worker was, or is to be, asked to stop it, and this is why.
    std::optional<proto::Reason> stopping;
    /// A final expiry was told, or it is over for another reason.
    bool ended = false;
  };

  // -- constructors, destructors, and assignment operators --------------------

  /// @pre All limits are positive.
  explicit lease_book(lease_limits limits);

  // -- modifiers --------------------------------------------------------------

  /// Watches *key* from now on, with fresh clocks; what was known of it is
  /// forgotten.
  /// @param total_left What is left of the total clock; not positive: it runs
  ///                   out with the next tick. Ignored if that clock is off.
  void grant(const attempt_key& key, const worker_key& worker,
             const clocks& limits, std::chrono::milliseconds total_left,
             time_point now);

  /// Watches *key* as `grant` does, but it was leased by an earlier leader.
  void adopt(const attempt_key& key, const worker_key& worker,
             const clocks& limits, std::chrono::milliseconds total_left,
             time_point now);

  /// Watches *key* no longer.
  /// @returns Whether it was watched.
  bool erase(const attempt_key& key);

  /// Takes note of a sign of life, which renews all that *worker* holds.
  void heard(const worker_key& worker, time_point now);

  /// Takes note that the worker started *key*. The first time counts as
  /// progress. Unknown keys are ignored.
  /// @param started_ms Unix time, as the worker says.
  void started(const attempt_key& key, int64_t started_ms, time_point now);

  /// Takes note of progress: the stall clock starts again if it differs in more
  /// than its time from the last one. Unknown keys are ignored.
  /// @returns Whether it differs.
  bool progress(const attempt_key& key, proto::Progress x, time_point now);

  /// Takes note that the worker is asked to stop *key*, e.g. because it was
  /// cancelled: if it is not erased within the grace, a final expiry with
  /// *reason* is told. The other clocks do not matter from now on.
  /// @returns Whether it is watched and was not being stopped already.
  bool stopping(const attempt_key& key, proto::Reason reason, time_point now);

  /// Takes note that *key* is over for another reason than a clock: none of its
  /// clocks is told any more. Unknown keys are ignored.
  void end(const attempt_key& key);

  /// Takes note that *worker* is dead, by proof.
  /// @returns What it held, in order; it is watched no longer.
  std::vector<attempt_key> node_gone(const worker_key& worker);

  /// Judges all attempts. Messages that wait must have been handled before.
  /// @returns The clocks that ran out since the last tick; their order depends
  ///          on the input only.
  std::vector<expiry> tick(time_point now);

  // -- properties -------------------------------------------------------------

  /// Returns what is known of *key*, or null if it is not watched. Valid until
  /// the next modifier.
  const held* find(const attempt_key& key) const;

  /// Returns whether *key* seems to be unknown to its worker: that reported as
  /// late as half a lease after the grant, and never that it started. Of a
  /// worker that is silent nothing is known.
  bool overdue(const attempt_key& key) const;

  /// Returns what *worker* holds, in order.
  std::vector<attempt_key> held_by(const worker_key& worker) const;

  /// Returns how many attempts *worker* holds.
  size_t count(const worker_key& worker) const;

  /// Returns how many attempts are watched.
  size_t size() const;

private:
  // -- member types -----------------------------------------------------------

  /// Time of the book since it was made.
  using book_time = std::chrono::nanoseconds;

  struct node_state {
    book_time heard;
    std::set<attempt_key> attempts;
  };

  struct entry {
    held facts;
    std::map<worker_key, node_state>::iterator node;
    book_time granted;
    /// When progress changed last.
    book_time changed;
    /// End of the total clock.
    book_time total;
    /// End of the grace, if it is being stopped.
    book_time grace;
    /// Its place in `wakes_`: not later than its next deadline.
    book_time wake;
  };

  struct deadline {
    book_time at;
    proto::Reason reason;
  };

  // -- member functions -------------------------------------------------------

  /// Returns the book's time at the caller's time *now*.
  book_time to_book(time_point now) const;

  deadline next_deadline(const entry& x) const;

  void schedule(const attempt_key& key, entry& x);

  expiry expire(const attempt_key& key, entry& x, proto::Reason reason);

  // -- member variables -------------------------------------------------------

  lease_limits limits_;

  /// The caller's time and the book's at the last tick.
  std::optional<time_point> ticked_;
  book_time now_{0};

  std::unordered_map<attempt_key, entry> entries_;

  /// When to look at an attempt again. One for each that has not ended.
  std::set<std::pair<book_time, attempt_key>> wakes_;

  /// Nodes that hold something.
  std::map<worker_key, node_state> nodes_;
};

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/cluster.pb.h"
#include "runtime/task/attempt_ref.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace coppice {

/// What a worker holds, and what its managers have not acknowledged yet.
///
/// Pure: the EXECUTOR owns one, runs what is admitted, and sends what `fill`
/// puts into hellos and reports. An attempt is running from `admit` to `finish`
/// or `refuse`, finished until its report is acknowledged, then forgotten.
class attempt_table {
public:
  // -- member types -----------------------------------------------------------

  /// What to do with an assignment.
  enum class verdict {
    /// It is held from now on: run it.
    admitted,
    /// It is held already.
    repeated,
    /// A manager was told that it is unknown here: it never runs.
    refused,
    /// It was to be stopped before it came.
    stopped,
  };

  // -- constants --------------------------------------------------------------

  /// How many refused attempts are remembered. They matter only as long as a
  /// message that assigns them can be on its way.
  static constexpr size_t max_refused = 65'536;

  /// A report has no more items than this of either sort.
  static constexpr size_t max_report_items = 512;

  /// A report takes no further finish when it has this size.
  static constexpr size_t max_report_bytes = 192 << 10;

  // -- modifiers --------------------------------------------------------------

  /// Judges an assignment, and holds it if it is new.
  verdict admit(const attempt_key& key);

  /// Takes note that the code of *key* runs, at Unix time *started_ms*.
  void started(const attempt_key& key, int64_t started_ms);

  /// Takes note of progress of a running attempt.
  void progress(const attempt_key& key, proto::Progress x);

  /// Ends a running attempt; its start and last progress are added to *item*.
  /// @returns False if it does not run.
  bool finish(const attempt_key& key, proto::FinishCommand::Item item);

  /// Ends an attempt that was not admitted: *item* says why.
  void reject(const attempt_key& key, proto::FinishCommand::Item item);

  /// Forgets whatever is held of *key*, reports nothing of it, and never admits
  /// it again.
  void refuse(const attempt_key& key);

  /// Remembers to stop *key* should it be assigned: messages of two managing
  /// actors can overtake each other.
  /// @returns False if it is held or refused already.
  bool stop_early(const attempt_key& key, proto::Reason reason);

  /// Takes the news since the last report, up to the limits, into the report
  /// with its number.
  /// @returns Whether there was any.
  bool fill(proto::Report& x);

  /// Takes note that a report was acknowledged: what it said is durable.
  /// @returns The finished attempts that are forgotten now.
  std::vector<attempt_key> acknowledged(uint64_t number);

  /// Takes note that the connection is lost: everything that is not
  /// acknowledged is news again.
  void connection_lost();

  // -- properties -------------------------------------------------------------

  /// Writes what is held into *x*.
  void fill(proto::Hello& x) const;

  /// Returns the ends that are not acknowledged, in order.
  std::vector<proto::FinishCommand::Item> unacknowledged() const;

  /// Returns whether *key* is held, running or finished.
  bool holds(const attempt_key& key) const;

  /// Returns whether *key* runs.
  bool runs(const attempt_key& key) const;

  /// Returns the highest attempt of *task* that is held, or 0.
  uint32_t latest(const task_id& task) const;

  /// Returns whether there is news that should not wait for the next
  /// keep-alive: a start or an end.
  bool urgent() const {
    return urgent_starts_ > 0 || !due_.empty();
  }

  /// Returns whether there is any news.
  bool news() const {
    return !changed_.empty() || !due_.empty();
  }

  /// Returns how many finishes wait to be put into a report.
  size_t due() const {
    return due_.size();
  }

  size_t running() const {
    return running_.size();
  }

  /// Returns how many finishes are not acknowledged.
  size_t finished() const {
    return finished_.size();
  }

  /// Returns why *key* is to be stopped as soon as it is assigned.
  std::optional<proto::Reason> early_stop(const attempt_key& key) const;

private:
  // -- member types -----------------------------------------------------------

  struct running_attempt {
    int64_t started_ms = 0;
    proto::Progress progress;
    /// It is in `changed_`.
    bool changed = false;
    /// Its start was never reported.
    bool fresh = false;
  };

  /// Keys in the order they came, the oldest ones dropped.
  template <class Value>
  struct bounded {
    std::unordered_map<attempt_key, Value> entries;
    std::deque<attempt_key> order;

    bool add(const attempt_key& key, Value x) {
      if (!entries.try_emplace(key, x).second)
        return false;
      order.push_back(key);
      if (order.size() > max_refused) {
        entries.erase(order.front());
        order.pop_front();
      }
      return true;
    }
  };

  // -- member functions -------------------------------------------------------

  void add_finished(const attempt_key& key, proto::FinishCommand::Item item);

  void mark_changed(const attempt_key& key, running_attempt& x);

  void fill_attempts(proto::Report& x);

  std::vector<attempt_key> fill_finishes(proto::Report& x);

  // -- member variables -------------------------------------------------------

  std::unordered_map<attempt_key, running_attempt> running_;

  std::unordered_map<attempt_key, proto::FinishCommand::Item> finished_;

  /// Running attempts with news. Some may have ended since.
  std::vector<attempt_key> changed_;

  /// Among them: starts.
  size_t urgent_starts_ = 0;

  /// Finished attempts that are in no report of this connection, the oldest
  /// first. Some may be forgotten since.
  std::deque<attempt_key> due_;

  /// Reports on their way, and the finishes in each.
  std::deque<std::pair<uint64_t, std::vector<attempt_key>>> in_flight_;

  bounded<bool> refused_;

  bounded<proto::Reason> early_stops_;
};

} // namespace coppice

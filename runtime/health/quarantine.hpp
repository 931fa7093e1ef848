// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/task/task_id.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace coppice {

/// When a node is a bad node.
struct quarantine_limits {
  /// An attempt that failed so soon after its start failed fast.
  std::chrono::milliseconds fast{5'000};
  /// So many tasks in a row have to fail fast on it; 0: nothing is ever
  /// quarantined.
  size_t failures = 5;
  /// The first quarantine; each trial that fails doubles it.
  std::chrono::milliseconds backoff_min{30'000};
  std::chrono::milliseconds backoff_max{1'800'000};
  /// No more than so many percent of the workers, but one at least.
  uint32_t share_percent = 30;
};

/// Keeps tasks away from nodes on which everything fails fast: such a node is
/// always free, and would swallow the queue.
///
/// Pure, and owned by whoever gives attempts to nodes; time is passed in. A
/// node is quarantined when several different tasks in a row failed fast on it,
/// with no success between. After a back-off it gets one attempt as a trial. A
/// success releases it, and so do people.
///
/// It may be the tasks that are bad. A task that fails fast on another node,
/// too, is no evidence against either; a node whose quarantine stands on such
/// tasks is released. And never more than a share of the workers, nor all of
/// them, are quarantined.
class quarantine {
public:
  // -- member types -----------------------------------------------------------

  using time_point = std::chrono::steady_clock::time_point;

  /// An attempt that failed by its own doing: not one that was cancelled, that
  /// its node refused, or that was lost with its node.
  struct failure {
    std::string node;
    task_id task;
    std::chrono::milliseconds ran_for{0};
    /// Why it failed, as a clause for people.
    std::string why;
  };

  enum class standing : uint8_t {
    /// It may have attempts.
    open,
    /// It may have none.
    closed,
    /// It may have one.
    trial_due,
    /// It has that one; it may have no more.
    on_trial,
  };

  // -- constructors, destructors, and assignment operators --------------------

  explicit quarantine(quarantine_limits limits);

  // -- modifiers --------------------------------------------------------------

  /// Takes note of a failure.
  /// @param workers How many nodes there are that could have run it.
  /// @returns Whether the node is quarantined now and was not before.
  bool failed(const failure& x, size_t workers, time_point now);

  /// Takes note that an attempt succeeded on *node*: it is released.
  /// @returns Whether it was quarantined.
  bool succeeded(const std::string& node);

  /// Takes note that an attempt of *task* on *node* ended in a way that says
  /// nothing about the node. If it was the trial, there is to be another one.
  void ended(const std::string& node, const task_id& task);

  /// Takes note that the trial of *node*, which is due, is an attempt of
  /// *task*.
  void begin_trial(const std::string& node, const task_id& task);

  /// Releases *node*, because people say so or because it is there no more.
  /// @returns Whether it was quarantined.
  bool release(const std::string& node);

  // -- properties -------------------------------------------------------------

  standing judge(const std::string& node, time_point now) const;

  /// Returns when the trial of *node* is due, if it waits for that.
  std::optional<time_point> until(const std::string& node) const;

  /// Returns how many nodes are quarantined.
  size_t size() const {
    return quarantined_;
  }

  /// Says why *node* gets no attempts, and what happens next, in sentences for
  /// people; empty if nothing speaks against it.
  std::vector<std::string> explain(const std::string& node,
                                   time_point now) const;

private:
  // -- member types -----------------------------------------------------------

  struct record {
    /// Different tasks that failed fast, the last one at the end.
    std::vector<failure> evidence;
    /// Zero: it is not quarantined.
    std::chrono::milliseconds backoff{0};
    time_point until;
    std::optional<task_id> trial;
  };

  // -- member functions -------------------------------------------------------

  /// Returns whether *x* speaks against its node.
  bool add_evidence(const failure& x);

  void drop_evidence(const std::string& node, const task_id& task);

  void close(record& x, std::chrono::milliseconds backoff, time_point now);

  bool may_close(size_t workers) const;

  // -- member variables -------------------------------------------------------

  quarantine_limits limits_;

  /// Nodes with evidence against them.
  std::map<std::string, record> records_;

  /// Which node a task speaks against.
  std::unordered_map<task_id, std::string> tasks_;

  size_t quarantined_ = 0;
};

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <string>
#include <vector>

namespace coppice {

/// Whether a child that ended is started again.
enum class restart_kind {
  /// Always.
  permanent,
  /// Only after a failure.
  transient,
  /// Never, and it is forgotten.
  temporary,
};

/// Who is started again with a child that ended.
enum class restart_strategy {
  /// Nobody: children do not know each other.
  one_for_one,
  /// All others: each knows each.
  one_for_all,
  /// Those behind it: children know those that were started before them.
  rest_for_one,
};

/// How a child ended that nobody had told to.
enum class child_end {
  /// It was done.
  normal,
  failure,
};

/// What a supervisor knows of a child.
struct child_spec {
  /// Different from those of its siblings.
  std::string name;
  restart_kind restart = restart_kind::permanent;
  /// How long it may take to stop, before it is killed.
  std::chrono::milliseconds shutdown{5'000};
};

/// How much a supervisor bears.
struct supervision_limits {
  restart_strategy strategy = restart_strategy::one_for_one;
  /// So many restarts within *period* are borne, one more is not.
  size_t intensity = 1;
  std::chrono::milliseconds period{5'000};
};

/// What is to be done about the end of a child. The names are those of
/// children; who does not run need not be stopped.
struct supervision_decision {
  /// Too much has failed: stop the children, and end.
  bool give_up = false;
  /// Stop these first, one after another.
  std::vector<std::string> stop{};
  /// Then start these, one after another.
  std::vector<std::string> start{};

  friend bool
  operator==(const supervision_decision&, const supervision_decision&)
    = default;
};

/// The rules of a supervisor: what becomes of its children if one ends.
///
/// They are those of Erlang/OTP ("OTP Design Principles", chapter "Supervisor
/// Behaviour", and the manual of `supervisor`): children start in order and
/// stop in the reverse order; each end that leads to a restart counts once, no
/// matter how many children it concerns; with more than *intensity* of them
/// within *period* all children are stopped and the supervisor ends, which its
/// own supervisor then judges. A child that cannot be started again has failed
/// once more. A temporary child is never started again, also not with its
/// siblings.
class restart_policy {
public:
  using time_point = std::chrono::steady_clock::time_point;

  explicit restart_policy(supervision_limits limits) : limits_(limits) {}

  /// Adds a child behind those that are there.
  /// @returns False if there is one of that name.
  bool add(child_spec x);

  /// Forgets a child.
  void remove(const std::string& name);

  /// Decides what becomes of the end of a child. One that is not known, or not
  /// any more, leads to nothing.
  supervision_decision ended(const std::string& name, child_end how,
                             time_point now);

  /// Returns all children in the order in which they are to be stopped.
  std::vector<std::string> stop_order() const;

  /// Returns how many restarts counted at the time of the last end.
  size_t recent() const {
    return restarts_.size();
  }

  const supervision_limits& limits() const {
    return limits_;
  }

private:
  using iterator = std::vector<child_spec>::iterator;

  iterator find(const std::string& name);

  /// Counts a restart.
  /// @returns False if that is one too many.
  bool bear(time_point now);

  supervision_limits limits_;
  std::vector<child_spec> children_;
  /// When, the oldest first; none older than the period.
  std::deque<time_point> restarts_;
};

} // namespace coppice

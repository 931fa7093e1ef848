// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/health/expiry_brake.hpp"
#include "runtime/health/health_limits.hpp"
#include "runtime/health/observer_clock.hpp"
#include "runtime/health/suspicion.hpp"
#include "runtime/task/worker_key.hpp"

#include <chrono>
#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace coppice {

/// Watches the silence of nodes.
///
/// Pure, and all in memory: a new observer makes its own, and all silence
/// counts from then on. It can be the information centre, or a node that
/// watches its peers.
///
/// All nodes have the same limit, so lists in the order of their last sign of
/// life do for deadlines: a keep-alive and a verdict take constant time, and a
/// tick looks at no node but those that pass from one list to the next.
class keep_alive_book {
public:
  // -- member types -----------------------------------------------------------

  using time_point = observer_clock::time_point;

  /// What is known of the silence of a node.
  struct silence {
    /// Since its last sign of life, or since silence counts.
    std::chrono::nanoseconds length{0};
    /// See `suspicion`.
    double level = 0;
    /// It was silent for long enough to count for the brake, or its connection
    /// is lost.
    bool suspected = false;
    /// Its connection is lost, and nothing was heard since.
    bool cut = false;
    /// It would be down if the brake were not engaged.
    bool held = false;
  };

  // -- constructors, destructors, and assignment operators --------------------

  /// Begins to observe *now*.
  keep_alive_book(const health_limits& limits, const brake_limits& brake,
                  time_point now);

  keep_alive_book(const keep_alive_book&) = delete;

  keep_alive_book& operator=(const keep_alive_book&) = delete;

  // -- modifiers --------------------------------------------------------------

  /// Watches *start* from now on; what was known of the node is forgotten.
  void watch(const worker_key& start, time_point now);

  /// Watches *node* no longer.
  void forget(const std::string& node);

  /// Takes note of a sign of life.
  /// @returns False if this start of the node is not watched.
  bool heard(const worker_key& start, time_point now);

  /// Takes note that the connection to *start* is lost. That ends nothing.
  /// @returns False if it is not watched.
  bool link_lost(const worker_key& start);

  /// Judges all nodes. A tick that comes late judges nobody: the messages that
  /// wait are to be handled before the next one.
  /// @returns Those that were silent for too long. They are watched until
  ///          somebody forgets them, and told again after each limit.
  std::vector<worker_key> tick(time_point now);

  // -- properties -------------------------------------------------------------

  /// Returns how silent *node* is, or nothing if it is not watched.
  std::optional<silence> find(const std::string& node, time_point now) const;

  /// Returns the nodes that are silent for long enough to count for the brake,
  /// the longest silence first.
  std::vector<worker_key> suspects() const;

  const expiry_brake& brake() const {
    return brake_;
  }

  const observer_clock& clock() const {
    return clock_;
  }

  size_t size() const {
    return nodes_.size();
  }

private:
  // -- member types -----------------------------------------------------------

  using awake_time = observer_clock::awake_time;

  enum class stage : uint8_t { fresh, late, told };

  struct entry {
    worker_key start;
    awake_time heard;
    /// When it was told last.
    awake_time told{0};
    suspicion regularity;
    stage at = stage::fresh;
    bool cut = false;
  };

  using entries = std::list<entry>;

  // -- member functions -------------------------------------------------------

  entries& list_of(stage x);

  /// Returns the entry of *start*, or null if that start is not watched.
  entry* find_start(const worker_key& start);

  awake_time silence_of(const entry& x, awake_time now) const;

  void count_anew();

  void move_late(awake_time now);

  /// Moves *x*, which is the first of its list, behind those that were told.
  void move_told(entries& from, awake_time now);

  // -- member variables -------------------------------------------------------

  health_limits limits_;

  observer_clock clock_;

  expiry_brake brake_;

  /// In order of their last sign of life.
  entries fresh_;

  /// Suspected; in the same order.
  entries late_;

  /// Told, and not forgotten yet; in the order in which they were told.
  entries told_;

  std::unordered_map<std::string, entries::iterator> nodes_;
};

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

namespace coppice {

/// When silence is put down to the observer.
struct brake_limits {
  /// More than so many percent of the nodes silent at once is too many.
  uint32_t share_percent = 30;
  /// So many nodes are never too many: in a small cluster one is a large share.
  size_t free = 1;
  /// A node that stays silent is declared down this much later.
  std::chrono::milliseconds hold{30'000};
};

/// Holds back verdicts when many nodes fall silent at once: then it is more
/// likely that the observer, or its network, is at fault.
///
/// Pure, driven by whoever judges keep-alives. It engages when a node is to be
/// declared down and too many are suspected, those of the last limit that were
/// declared down among them. It releases when no more than the share have been
/// suspected for a whole limit. While it is engaged a node must be silent for
/// longer.
class expiry_brake {
public:
  // -- member types -----------------------------------------------------------

  using time = std::chrono::nanoseconds;

  struct census {
    /// Nodes that are listened to.
    size_t watched = 0;
    /// Among them: suspected.
    size_t late = 0;
    /// One of them has reached the keep-alive limit.
    bool expiring = false;
  };

  // -- constructors, destructors, and assignment operators --------------------

  /// @param limit How long a node may be silent.
  expiry_brake(const brake_limits& limits, time limit);

  // -- modifiers --------------------------------------------------------------

  /// Judges a tick.
  /// @returns How much longer than the keep-alive limit a node may be silent.
  time judge(const census& x, time now);

  /// Takes note that so many nodes were declared down, for their silence.
  void declared(size_t count, time now);

  /// Takes note that all silence is counted anew.
  void reset();

  // -- properties -------------------------------------------------------------

  bool engaged() const {
    return engaged_;
  }

  /// Returns what the brake does and why, as a sentence for people; empty if it
  /// does nothing.
  std::string explain() const;

private:
  // -- member functions -------------------------------------------------------

  bool is_too_many(size_t late, size_t watched) const;

  void drop_old(time now);

  // -- member variables -------------------------------------------------------

  brake_limits limits_;

  time limit_;

  bool engaged_ = false;

  /// Since when no more than the share are suspected.
  std::optional<time> calm_since_;

  /// Declared down within the last limit: when, and how many.
  std::deque<std::pair<time, size_t>> declared_;

  size_t declared_count_ = 0;

  /// Of the last tick, with those that were declared down.
  size_t late_ = 0;
  size_t watched_ = 0;
};

} // namespace coppice

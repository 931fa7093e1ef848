// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <chrono>

namespace coppice {

/// The clocks of keep-alives. All follow from one, which people set.
struct health_limits {
  /// A node that is silent for so long is down.
  std::chrono::milliseconds limit{3'000};
  /// Nodes have so long to find a new observer: no silence before counts.
  std::chrono::milliseconds settling{0};

  /// How often a node says that it is alive: four may be lost.
  std::chrono::nanoseconds interval() const {
    return std::chrono::nanoseconds{limit} / 5;
  }

  /// How often the information centre judges: it finds a silence no later than
  /// a tenth of the limit after its end, and most of that tenth is left for
  /// making it durable.
  std::chrono::nanoseconds tick() const {
    return std::chrono::nanoseconds{limit} / 30;
  }

  /// A node that is silent for so long is suspected: it counts for the brake.
  std::chrono::nanoseconds late() const {
    return std::chrono::nanoseconds{limit} / 2;
  }

  /// How long nodes need at most, with some to spare, until a new observer has
  /// heard of them, where they ask managers in turn and give each half a limit.
  std::chrono::milliseconds longest_search() const {
    return limit / 2 + std::chrono::milliseconds{500};
  }

  /// A tick may come so much late and its pause still counts in full.
  std::chrono::nanoseconds tolerance() const {
    return std::chrono::nanoseconds{limit} / 10;
  }

  /// A tick that comes so much late says that the observer stood still: peers
  /// may have dropped its connections.
  std::chrono::nanoseconds stall() const {
    return std::chrono::nanoseconds{limit} / 2;
  }
};

} // namespace coppice

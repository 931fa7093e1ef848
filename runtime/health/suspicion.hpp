// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <chrono>

namespace coppice {

/// How unlikely it is that a node which is silent for so long is alive, judged
/// by how regular its keep-alives were: phi of "The phi accrual failure
/// detector" (Hayashibara et al. 2004, section 4). At level 1 one in ten such
/// silences ends by itself, at 2 one in a hundred, and so on.
///
/// It is for people, and for choosing among healthy nodes; whether a node is
/// down is for the keep-alive limit alone. Instead of a window of samples it
/// keeps their moving mean and variance, so a node costs a few bytes; and since
/// keep-alives are sent at an interval, it takes neither for smaller than that
/// interval suggests: a node that was very regular is not suspected for one
/// keep-alive that is a bit late.
class suspicion {
public:
  using duration = std::chrono::nanoseconds;

  /// @param interval At which keep-alives are sent.
  /// @pre `interval > 0ns`
  explicit suspicion(duration interval);

  /// Takes note of a keep-alive that came after *silence*.
  void heard(duration silence);

  /// Returns the level after *silence*: 0 or more, and it never falls while
  /// silence grows.
  double level(duration silence) const;

private:
  float interval_ms_;
  float mean_ms_;
  float variance_ = 0;
};

/// Says a level in one word for people.
/// @relates suspicion
const char* describe_suspicion(double level) noexcept;

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "tests/cluster/simulated_member.hpp"

namespace coppice::test {

/// Learns what becomes of the members of a world.
class world_observer {
public:
  virtual ~world_observer() = default;

  /// *x* applied the entry that its tables have last.
  /// @param acknowledged It has proposed that entry itself, and now answers.
  virtual void applied(simulated_member& x, bool acknowledged) = 0;

  /// The machine of *x* loses its power: `world::crash` is the observer's part.
  virtual void power_off(simulated_member& x, milliseconds pause) = 0;
};

} // namespace coppice::test

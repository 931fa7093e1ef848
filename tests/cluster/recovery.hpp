// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "tests/cluster/world.hpp"

#include <optional>
#include <string>

namespace coppice::test {

/// Sees whether a group recovers once all is well again: there is a leader that
/// takes an op, and all get the same.
class recovery {
public:
  /// @param retires Whether who is not in the group is switched off; else all
  ///        are to be taken in.
  recovery(world& x, bool retires) : world_(&x), retires_(retires) {
    // nop
  }

  /// Looks again, some time after the last look.
  /// @returns Whether the group has recovered.
  bool look() {
    if (retires_)
      world_->retire_outsiders();
    took_op_ = took_op_ || (asked_ && acknowledged() > before_);
    if (!took_op_)
      ask();
    return took_op_ && world_->converged() && (retires_ || world_->all_vote());
  }

  /// Says what it waits for, for people.
  std::string complaint() const {
    return (took_op_ ? "the group did not converge"
                     : "the group did not elect a leader")
           + world_->to_text();
  }

private:
  /// Now and then: an op may be lost with its leader.
  void ask() {
    auto* leader = world_->ready_leader();
    if (!leader || (asked_ && world_->now < *asked_ + milliseconds{200}))
      return;
    asked_ = world_->now;
    before_ = acknowledged();
    world_->propose(*leader);
  }

  size_t acknowledged() const {
    return world_->checks.acknowledged();
  }

  world* world_;
  bool retires_;
  std::optional<time_point> asked_;
  size_t before_ = 0;
  bool took_op_ = false;
};

} // namespace coppice::test

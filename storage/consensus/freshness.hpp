// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "storage/consensus/consensus_engine.hpp"

#include <cstdint>
#include <optional>
#include <utility>

namespace coppice {

/// Knows since when a follower's tables lack nothing that its leader had said.
class freshness {
public:
  using time_point = consensus_engine::time_point;

  /// Takes note that the leader says that all up to *commit* is committed.
  void told(uint64_t commit, time_point now) {
    if (commit <= applied_)
      complete_ = now;
    else if (!next_)
      next_ = {commit, now};
  }

  /// Takes note that the tables have all up to *index*.
  void applied(uint64_t index) {
    applied_ = index;
    if (!next_ || next_->first > index)
      return;
    complete_ = next_->second;
    next_.reset();
  }

  /// Returns when a leader last spoke of nothing that the tables lack; nothing
  /// if none did.
  std::optional<time_point> complete_at() const {
    return complete_;
  }

private:
  uint64_t applied_ = 0;
  std::optional<time_point> complete_;
  /// What the tables lack: the first that was said since they were complete.
  std::optional<std::pair<uint64_t, time_point>> next_;
};

} // namespace coppice

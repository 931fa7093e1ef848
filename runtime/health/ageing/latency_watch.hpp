// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/regeneration.pb.h"
#include "runtime/health/ageing/growth.hpp"

#include <optional>
#include <vector>

namespace coppice {

/// When it counts as wear that answers take longer and longer.
struct latency_limits {
  /// How growth is found, but for `taken`.
  growth_limits growth{};
  /// Where something is of no use any more, in milliseconds; 0: nowhere, then
  /// latency is only shown.
  double limit_ms = 2'000;
  /// The limit is at least so many times what was usual at first. Growth has to
  /// take a quarter of the room up to there: nearly five times as long.
  double times = 16;
};

/// Watches how long something takes to answer, for wear.
///
/// With more to do everything takes longer, and that is no wear: hence only
/// what answers took that had nothing else to compete with is for this watch.
/// What is slow because something else is slow, is so all at once, and then is
/// not any more: hence only growth is wear here, and no step is, however high.
///
/// Pure: the measurements bring their time along.
class latency_watch {
public:
  using seconds = growth_limits::seconds;

  explicit latency_watch(const latency_limits& limits = {});

  /// Takes what an answer took in a short while, usually.
  /// @param at Since the process began; never goes back.
  void add(seconds at, double median_ms);

  /// Appends the vital "latency", if there is something to say.
  void describe(google::protobuf::RepeatedPtrField<proto::Vital>& out) const;

  /// Returns whether it is to be regenerated.
  bool is_worn() const {
    return wear_.has_value();
  }

private:
  latency_limits limits_;

  growth_finder finder_;

  double last_ms_ = 0;

  /// The first ones after the warm-up.
  std::vector<double> first_;

  /// What was usual at first; 0: there were too few.
  double usual_ms_ = 0;

  std::optional<growth> wear_;
};

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/ageing/latency_watch.hpp"

#include "runtime/health/ageing/trend.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace coppice {

namespace {

/// So many samples say what is usual.
constexpr size_t first_samples = 20;

constexpr double seconds_per_hour = 3'600;

/// What answers take goes up and down by more than what memory does.
constexpr double fall = 0.4;

growth_limits only_trends(growth_limits x) {
  x.taken = std::numeric_limits<double>::infinity();
  x.fall = fall;
  return x;
}

} // namespace

latency_watch::latency_watch(const latency_limits& limits)
  : limits_(limits),
    finder_(only_trends(limits.growth)) {
  // nop
}

void latency_watch::add(seconds at, double median_ms) {
  if (!std::isfinite(median_ms) || median_ms <= 0)
    return;
  last_ms_ = median_ms;
  if (at < limits_.growth.warm_up || limits_.limit_ms <= 0)
    return;
  finder_.add(at, {median_ms, 0});
  if (usual_ms_ == 0) {
    first_.push_back(median_ms);
    if (first_.size() < first_samples)
      return;
    usual_ms_ = median(std::exchange(first_, {}));
  }
  wear_ = finder_.find(std::max(limits_.limit_ms, limits_.times * usual_ms_));
}

void latency_watch::describe(
  google::protobuf::RepeatedPtrField<proto::Vital>& out) const {
  if (last_ms_ <= 0)
    return;
  auto& x = *out.Add();
  x.set_name("latency");
  x.set_unit("ms");
  x.set_value(last_ms_);
  if (limits_.limit_ms > 0)
    x.set_limit(std::max(limits_.limit_ms, limits_.times * usual_ms_));
  x.set_worn(is_worn());
  if (!wear_)
    return;
  x.set_growth_per_hour(wear_->slope * seconds_per_hour);
  x.set_seen_s(wear_->span.count());
  x.set_left_s(wear_->left.count());
}

} // namespace coppice

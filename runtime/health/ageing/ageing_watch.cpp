// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/ageing/ageing_watch.hpp"

namespace coppice {

namespace {

constexpr double seconds_per_hour = 3'600;

} // namespace

void ageing_watch::add(seconds at, std::span<const vital_measure> xs) {
  for (auto& x : xs) {
    auto& known = all_.try_emplace(x.name, limits_.growth).first->second;
    known.last = x;
    if (x.limit <= 0)
      continue;
    known.full = x.value >= x.limit * limits_.full ? known.full + 1 : 0;
    known.finder.add(at, {x.value, x.load});
    known.wear = known.finder.find(x.limit);
  }
}

void ageing_watch::describe(
  google::protobuf::RepeatedPtrField<proto::Vital>& out) const {
  for (auto& [name, x] : all_) {
    auto& y = *out.Add();
    y.set_name(name);
    y.set_unit(x.last.unit);
    y.set_value(x.last.value);
    y.set_limit(x.last.limit);
    y.set_worn(x.wear || (x.last.limit > 0 && x.full >= limits_.lasts));
    if (!x.wear)
      continue;
    y.set_growth_per_hour(x.wear->slope * seconds_per_hour);
    y.set_seen_s(x.wear->span.count());
    y.set_left_s(x.wear->left.count());
  }
}

} // namespace coppice

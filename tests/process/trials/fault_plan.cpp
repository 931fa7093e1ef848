// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/process/trials/fault_plan.hpp"

#include <algorithm>

namespace coppice::trial {

namespace {

/// Returns whether a fault that hits a leader is more than a pause for all.
bool can_hit_leader(fault_kind kind, const trial_options& x) {
  return x.managers > 1 || kind == fault_kind::kill;
}

} // namespace

std::vector<fault> plan_faults(const trial_options& x) {
  struct placed {
    double where;
    fault what;
  };
  std::vector<placed> all;
  auto add = [&](fault_kind kind, int n) {
    for (auto i = 0; i < n; ++i)
      all.push_back(
        {(i + 0.5) / n, {kind, i % 3 == 1 && can_hit_leader(kind, x), i}});
  };
  add(fault_kind::kill, x.kills);
  add(fault_kind::freeze, x.freezes);
  add(fault_kind::loss, x.managers > 1 ? x.losses : 0);
  add(fault_kind::partition, x.partitions);
  std::stable_sort(all.begin(), all.end(),
                   [](auto& a, auto& b) { return a.where < b.where; });
  std::vector<fault> result;
  for (auto& y : all)
    result.push_back(y.what);
  return result;
}

} // namespace coppice::trial

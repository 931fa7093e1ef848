// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/log_bounds.hpp"

#include <algorithm>
#include <tuple>

namespace coppice {

std::vector<kept_log> beyond_bounds(std::vector<kept_log> xs,
                                    const log_bounds& bounds, int64_t now_ms) {
  std::sort(xs.begin(), xs.end(), [](const kept_log& a, const kept_log& b) {
    return std::tie(a.ended_ms, a.key) < std::tie(b.ended_ms, b.key);
  });
  // From the latest on: what is older than one that must go goes as well.
  uint64_t total = 0;
  auto kept = xs.rbegin();
  for (; kept != xs.rend(); ++kept) {
    total += kept->bytes;
    auto too_old = now_ms - kept->ended_ms > bounds.keep.count();
    auto too_much = total > bounds.max_bytes && kept != xs.rbegin();
    if (too_old || too_much)
      break;
  }
  xs.erase(kept.base(), xs.end());
  return xs;
}

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/forward/process_visit.hpp"

namespace coppice::forward {

std::optional<process_visit> process_visit::begin(const local_services& all,
                                                  const service_instance& who,
                                                  uint64_t epoch) {
  auto what = all.find(who);
  // An exclusive one may be elsewhere by now, if its node was frozen.
  if (!what || what->epoch != epoch || what->handle || !what->may_serve())
    return std::nullopt;
  process_visit x{*what};
  // Whoever stops it takes it out first, and then looks at the count.
  auto still = all.find(who);
  if (!still || still->epoch != epoch)
    return std::nullopt;
  return x;
}

} // namespace coppice::forward

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/reconcile.hpp"

namespace coppice {

reconciliation reconcile(const std::set<attempt_key>& held,
                         const leased_attempts& leased) {
  reconciliation result;
  for (auto& [key, to_be_cancelled] : leased)
    if (!held.contains(key))
      result.missing.push_back(key);
    else if (to_be_cancelled)
      result.cancelled.push_back(key);
  for (auto& key : held)
    if (!leased.contains(key))
      result.obsolete.push_back(key);
  return result;
}

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/task/attempt_key.hpp"

#include <map>
#include <set>
#include <vector>

namespace coppice {

/// The attempts that are leased to a node, and whether they are to be
/// cancelled.
using leased_attempts = std::map<attempt_key, bool>;

/// What has to be done about the attempts of a node that connects. All in
/// order; what is in none of the lists goes on.
struct reconciliation {
  /// Leased but not held: the node never got them, or has dropped them.
  std::vector<attempt_key> missing;
  /// Held but not leased any more: the node is to kill them.
  std::vector<attempt_key> obsolete;
  /// Held, leased, and to be stopped.
  std::vector<attempt_key> cancelled;
};

/// Compares what a node holds with what is leased to it.
reconciliation reconcile(const std::set<attempt_key>& held,
                         const leased_attempts& leased);

} // namespace coppice

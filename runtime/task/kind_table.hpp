// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/command.pb.h"
#include "runtime/task/clocks.hpp"
#include "runtime/task/retry_policy.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace coppice {

/// The kinds of task that somebody can run, with the defaults of each.
class kind_table {
public:
  // -- modifiers --------------------------------------------------------------

  /// Adds a kind, or replaces what is known of it.
  /// @pre `check_kind` accepts it.
  void add(proto::KindInfo x);

  // -- properties -------------------------------------------------------------

  /// Returns what is known of *name*, or null. Valid until it is added again.
  const proto::KindInfo* find(std::string_view name) const;

  /// Returns the names, sorted.
  std::vector<std::string> names() const;

private:
  std::map<std::string, proto::KindInfo, std::less<>> kinds_;
};

/// Returns the kinds that each worker has: checksum, exec, noop, sleep.
/// @relates kind_table
kind_table built_in_kinds();

/// Returns the clocks of a task: those of its spec, and those of its kind for
/// what the spec leaves out. Parts of a millisecond are rounded up, so that no
/// clock that is on becomes one that is off; wild values are cut to 0 and 10
/// years.
clocks effective_clocks(const proto::TaskSpec& spec,
                        const proto::KindInfo& kind);

/// Returns when a task is tried again: by its spec, and by its kind for what
/// the spec leaves out. Errors that are final for either are final.
retry_rule effective_retry(const proto::TaskSpec& spec,
                           const proto::KindInfo& kind);

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "apps/client.hpp"
#include "tests/process/trials/history.hpp"
#include "tests/process/trials/journal.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace coppice::trial {

/// What is wrong with a task that ended, given what was acknowledged of it:
/// its state, or that an attempt was believed that is not the last, or two.
/// @returns Nothing if all is right.
std::string fault_of(const proto::Task& x, fate expected);

/// What is wrong with a task that succeeded, given what happened in the world.
/// @returns Nothing if all is right.
std::string fault_of(const proto::Task& x, const journal& seen);

struct verdict {
  int cancelled = 0;
  int retried = 0;
  /// Late results that were refused.
  uint64_t fenced = 0;
  std::vector<std::string> faults;
};

/// Holds the history of one client against the final tables.
/// @param said What was acknowledged, by a cluster that nobody else used.
/// @param journal_file Read when all tasks have ended.
verdict judge(client& c, const history& said,
              const std::filesystem::path& journal_file);

} // namespace coppice::trial

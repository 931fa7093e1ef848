// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>

// What processes of this machine have taken, by proc(5).

namespace coppice {

/// What a process, or several together, have.
struct process_sizes {
  uint64_t resident_bytes = 0;
  uint64_t open_files = 0;
  uint64_t threads = 0;
};

/// Returns what one process has, or nothing if it is gone.
std::optional<process_sizes> measure_process(pid_t pid);

/// Returns what all processes of each of *groups* have together; memory that
/// they share counts once for each. Reads /proc once, however many groups there
/// are.
std::map<pid_t, process_sizes> measure_groups(const std::set<pid_t>& groups);

/// Returns how many files *pid* may have open; 0: nobody knows.
uint64_t open_files_limit(pid_t pid);

/// Returns how much memory this machine, or the control group that this process
/// is in, has.
uint64_t memory_limit();

} // namespace coppice

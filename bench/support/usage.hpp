// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace coppice::bench {

/// The resident memory of a process, in bytes.
struct memory_use {
  /// Its own: heap, stacks.
  uint64_t anonymous = 0;
  /// Pages of files that it has mapped, LMDB's above all. The system has them
  /// in its cache anyway, and takes them back when it needs memory.
  uint64_t mapped = 0;
};

/// @throws std::runtime_error if there is no such process.
memory_use memory_of(pid_t process);

/// What a process has used since it began.
struct work_done {
  double cpu_seconds = 0;
  /// What it had the disk write.
  uint64_t written_bytes = 0;
};

/// Adds *y* to *x*.
/// @relates work_done
work_done operator+(const work_done& x, const work_done& y);

/// Returns what was done from *y* to *x*.
/// @relates work_done
work_done operator-(const work_done& x, const work_done& y);

/// @throws std::runtime_error if there is no such process.
work_done work_of(pid_t process);

/// Returns the processor time that the threads which a process has now have
/// used.
/// @param name Only those that are called so.
double cpu_seconds_of(pid_t process, const std::string& name = {});

/// What an LMDB environment takes on disk.
struct environment_use {
  struct table {
    uint64_t rows = 0;
    uint64_t bytes = 0;
  };

  /// Blocks that the file has on disk; what was free once stays in it.
  uint64_t file_bytes = 0;
  /// Pages with something in them: the file without its free pages.
  uint64_t used_bytes = 0;
  std::map<std::string, table> tables;
};

/// Looks into an environment that another process may have open.
/// @throws std::runtime_error if it cannot be read.
environment_use use_of(const std::filesystem::path& dir);

} // namespace coppice::bench

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/launcher.pb.h"
#include "runtime/error.hpp"
#include "runtime/launch/line_cutter.hpp"
#include "runtime/launch/unique_fd.hpp"

#include <sys/resource.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace coppice {

/// In the environment of every command: the id of its start request. By it the
/// launcher knows the stray processes of a command that left its group.
inline constexpr const char* launch_id_variable = "COPPICE_LAUNCH_ID";

/// A command from its fork to its last event. Owned by the launcher.
struct launcher_command {
  using time_point = std::chrono::steady_clock::time_point;

  /// How the leader of the process group ended.
  struct ending {
    int wait_status = 0;
    rusage usage{};
  };

  uint64_t id = 0;
  /// For messages.
  std::string program;
  std::string folder;
  /// Of the leader; also the id of the group and the session.
  pid_t pid = 0;
  /// Open until the exec: it says why that failed, or is closed by it.
  unique_fd exec_status;
  /// Why the command never ran; empty: it did, or nobody knows yet.
  std::string failure;
  /// Read end of the pipe that the command has as descriptor 3.
  unique_fd progress;
  line_cutter lines;
  /// SIGTERM waits for the exec, because it would hit the launcher's code.
  bool wants_term = false;
  std::optional<time_point> kill_at;
  /// It is killed at this time since the machine was started; 0: never.
  std::chrono::nanoseconds ends_at{0};
  /// Set when the leader has been reaped.
  std::optional<ending> end;
  /// Nothing of the group is left.
  bool group_gone = false;
  /// Whoever still holds the progress pipe then is not waited for.
  std::optional<time_point> drain_until;
};

/// Starts a command: forks a child that becomes the program of *x*.
/// @param x The request.
/// @param open_files The command's limit of open files if *x* has none.
/// @returns The command, whose exec may still fail, or why there is none.
result<launcher_command> start_command(const proto::StartCommand& x,
                                       const rlimit& open_files);

/// Looks whether the exec of *x* has been done. Closes `exec_status` when it is
/// known, and sets `failure` if there was one.
void read_exec_status(launcher_command& x);

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

namespace coppice {

/// The process name of a launcher.
inline constexpr const char* launcher_name = "coppice-launch";

/// Starts commands for a node and takes care that none outlives it.
///
/// A process of its own with a single thread, because a process with threads
/// cannot fork safely. It speaks proto/launcher.proto over *socket*. When the
/// other end is closed (the node died) or sends what makes no sense, every
/// process that descends from a command is killed, also those that left their
/// process group; then the function returns.
/// @param socket One end of a stream socket pair; the node has the other one.
/// @param lock A descriptor to keep open for as long as the launcher runs, or
///             -1. All other descriptors but 0, 1 and 2 are closed.
/// @returns The exit code of the process.
/// @pre The process has one thread, no children, and does nothing else.
int run_launcher(int socket, int lock);

} // namespace coppice

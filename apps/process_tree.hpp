// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <sys/types.h>

#include <initializer_list>
#include <string>
#include <vector>

// What keeper and launcher need to know of processes, from /proc. Only for
// processes with a single thread.

namespace coppice {

/// Returns the children of *pid*, zombies included; none if it is gone.
std::vector<pid_t> children_of(pid_t pid);

/// Sends SIGKILL to *pid* and everything that descends from it. What is forked
/// meanwhile may be missed.
void kill_tree(pid_t pid);

/// Kills and reaps every descendant of the caller until none is left.
///
/// Whoever loses its parent comes back as a child of the caller, so "no child
/// left" means "nothing left".
/// @pre The caller is a child subreaper and is the only one that reaps.
void kill_descendants();

/// Returns the value of *name* in the environment that *pid* was started with;
/// empty if it has none or cannot be read.
std::string environment_of(pid_t pid, const std::string& name);

/// Returns what `prctl(PR_SET_NAME)` set for *pid*; empty if it is gone.
std::string process_name(pid_t pid);

/// Returns when *pid* was started, in ticks since boot; 0 if it has ended. With
/// the pid it names a process for as long as the machine runs.
unsigned long long start_time(pid_t pid);

/// Closes every descriptor of the caller but 0, 1, 2 and *kept*.
void close_descriptors_but(std::initializer_list<int> kept);

} // namespace coppice

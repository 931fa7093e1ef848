// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/node_config.hpp"
#include "runtime/task/task_context.hpp"

#include <cstdint>
#include <functional>
#include <vector>

namespace coppice {

/// What the node process is given by its keeper.
struct node_start {
  /// Number of this start; higher than those before it.
  uint64_t incarnation = 0;
  /// Socket to the launcher, which starts commands for this process; -1 if
  /// there is none, then the kind `exec` is not offered.
  int launcher_fd = -1;
  /// Called once the node serves, with the port it listens on.
  std::function<void(uint16_t)> ready;
};

/// How a node process ends, as its keeper understands it.
namespace exit_code {

inline constexpr int stopped = 0;
/// The configuration cannot work: starting again would not help.
inline constexpr int unusable = 2;
/// A part of the node gave up: start again, with a pause.
inline constexpr int gave_up = 70;

} // namespace exit_code

/// Runs a node in this process until SIGTERM, or until a part of it gives up.
/// Then the process ends with an `exit_code`.
/// @param config As `load` checked it.
/// @param kinds The functions that a worker runs besides the built-in kinds.
/// @returns An `exit_code` if the node could not be started.
int run_node(const node_config& config, node_start start,
             std::vector<task_kind> kinds);

} // namespace coppice

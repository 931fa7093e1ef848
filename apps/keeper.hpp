// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/node_config.hpp"

#include <sys/types.h>

#include <cstdint>
#include <functional>

namespace coppice {

/// The process name of a node.
inline constexpr const char* node_name = "coppice-node";

/// What the keeper gives to each incarnation of the node.
struct node_environment {
  /// One end of a stream socket pair; the launcher has the other one and
  /// speaks proto/launcher.proto. The end of file on it means that the
  /// launcher died; the keeper then kills the node.
  int launcher = -1;
  /// Write one byte into it when the node is ready to serve.
  int ready = -1;
  /// Higher than in every earlier start on this data folder.
  uint64_t incarnation = 0;
  pid_t keeper = 0;
};

/// Keeps a node running on the data folder of *config* until it is told to
/// stop, or gives up.
///
/// Takes the lock of the data folder. For each incarnation it forks a launcher
/// and a node process, in which *run_node* is called; its result is the exit
/// code that `restart_backoff` judges. The next incarnation starts when nothing
/// of the last one lives. SIGTERM, SIGINT and SIGHUP stop the node with
/// SIGTERM.
/// @param config The checked configuration.
/// @param run_node The node. It may start threads and need not return: it dies
///                 with the keeper.
/// @returns The exit code of the program: 0 after an orderly stop; 2 if the
///          data folder cannot be used or the node ended with 2; 1 if the
///          keeper gave up or had to kill the node.
/// @pre The process has one thread, no children and is about to end after this
///      call.
int run_keeper(const node_config& config,
               const std::function<int(const node_environment&)>& run_node);

} // namespace coppice

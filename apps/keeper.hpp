// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/node_config.hpp"
#include "runtime/launch/unique_fd.hpp"

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
  /// Listens for the clients of a gateway; -1 if the node is none. The node has
  /// to close it to take no more connections: then they wait for the next one.
  int http = -1;
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
/// @param http Listens for the clients of a gateway; nothing if the node is
///             none. It stays open from one incarnation to the next, so that
///             connections wait, and is closed when the node is told to stop.
/// @param run_node The node. It may start threads and need not return: it dies
///                 with the keeper.
/// @returns The exit code of the program: 0 after an orderly stop; 2 if the
///          data folder cannot be used or the node ended with 2; 1 if the
///          keeper gave up or had to kill the node.
/// @pre The process has one thread, no children and is about to end after this
///      call.
int run_keeper(const node_config& config, unique_fd http,
               const std::function<int(const node_environment&)>& run_node);

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/local_messages.hpp"

#include <caf/result.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <functional>
#include <string>

namespace coppice {

/// What the DIRECTORY is told when it starts.
struct directory_options {
  /// Name of this node.
  std::string node;
  /// Where the managers are, for people, if this node is none.
  std::string managers;
  /// Stops this node; called once for each request to stop.
  std::function<void()> stop;
};

/// The state of the DIRECTORY: the handles of whoever answers.
struct directory_state {
  explicit directory_state(directory_actor::pointer selfptr) : self(selfptr) {}

  caf::result<proto::Reply> on_request(proto::Request& x);

  caf::result<proto::Welcome, job_scheduler_actor, task_tracker_actor>
  on_hello(proto::Hello& x, worker_actor& from);

  static constexpr const char* name = "directory";

  directory_actor::pointer self;

  directory_options options;

  /// Invalid on a node that is no manager.
  local_job_scheduler_actor scheduler;

  /// Invalid on a node that is no manager.
  local_task_tracker_actor tracker;
};

/// Answers whoever connects to the node port, or says who does.
/// @param self The actor itself.
/// @param options Facts about this node.
/// @param scheduler Invalid on a node that is no manager.
/// @param tracker Invalid on a node that is no manager.
directory_actor::behavior_type
directory(directory_actor::stateful_pointer<directory_state> self,
          directory_options options, local_job_scheduler_actor scheduler,
          local_task_tracker_actor tracker);

} // namespace coppice

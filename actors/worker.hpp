// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/executor.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <vector>

namespace coppice {

/// WORKER: the part of a node that runs tasks. It has an EXECUTOR for each
/// shard; all of them share the slots.
using worker_node_actor = caf::typed_actor<
  // A manager says how many shards there are.
  caf::reacts_to<uint32_t>,
  // The EXECUTOR of this shard took a slot or gave one back.
  caf::reacts_to<atom::slots, uint32_t>>;

/// The state of WORKER.
struct worker_node_state {
  // -- constructors, destructors, and assignment operators --------------------

  explicit worker_node_state(worker_node_actor::pointer selfptr)
    : self(selfptr) {}

  // -- handlers ---------------------------------------------------------------

  /// Serves *n* shards from now on; never fewer than before.
  void on_shards(uint32_t n);

  void on_slots(uint32_t shard);

  void on_exit(caf::exit_msg& x);

  void on_down(const caf::down_msg& x);

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "worker";

  worker_node_actor::pointer self;

  executor_options options;

  manager_contacts managers;

  /// By shard.
  std::vector<executor_actor> executors;

  /// How many of them live.
  size_t alive = 0;

  bool stopping = false;

  caf::error stop_reason;
};

/// Runs tasks of all shards. Remains until it is told to exit, and then until
/// all that runs has been stopped and told; ends if an EXECUTOR does.
/// @param self The actor itself.
/// @param options Of each EXECUTOR; the folder is that of the node's data.
/// @param managers Where they find the managers.
worker_node_actor::behavior_type
worker_node(worker_node_actor::stateful_pointer<worker_node_state> self,
            executor_options options, manager_contacts managers);

} // namespace coppice

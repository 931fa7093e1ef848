// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/executor.hpp"
#include "actors/supervisor.hpp"

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
  caf::reacts_to<atom::slots, uint32_t>,
  // The EXECUTOR of this shard was started, or started again.
  caf::reacts_to<uint32_t, executor_actor>,
  // Tells its tree.
  caf::replies_to<proto::Request>::with<proto::Reply>>;

/// The state of WORKER.
struct worker_node_state {
  // -- constructors, destructors, and assignment operators --------------------

  explicit worker_node_state(worker_node_actor::pointer selfptr)
    : self(selfptr) {}

  // -- handlers ---------------------------------------------------------------

  /// Serves *n* shards from now on; never fewer than before.
  void on_shards(uint32_t n);

  void on_slots(uint32_t shard);

  void on_executor(uint32_t shard, executor_actor x);

  caf::result<proto::Reply> on_request(const proto::Request& x);

  void on_exit(caf::exit_msg& x);

  void on_down(const caf::down_msg& x);

  // -- parts of the handlers --------------------------------------------------

  /// Returns the EXECUTOR of a shard, as its supervisor starts it.
  supervised_child make_executor(uint32_t shard);

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "worker";

  worker_node_actor::pointer self;

  executor_options options;

  manager_contacts managers;

  /// By shard.
  std::vector<executor_actor> executors;

  /// Who starts them, and starts them again.
  supervisor_actor supervised;

  bool stopping = false;

  caf::error stop_reason;
};

/// Runs tasks of all shards. Remains until it is told to exit, and then until
/// all that runs has been stopped and told. An EXECUTOR that fails is started
/// again: it says hello as a new connection, holds no attempts, and the manager
/// judges what its predecessor held. If that happens too often, or if exclusive
/// attempts were lost with one, WORKER ends.
/// @param self The actor itself.
/// @param options Of each EXECUTOR; the folder is that of the node's data.
/// @param managers Where they find the managers.
worker_node_actor::behavior_type
worker_node(worker_node_actor::stateful_pointer<worker_node_state> self,
            executor_options options, manager_contacts managers);

} // namespace coppice

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::executor_actor)

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/cluster_link.hpp"
#include "actors/local_messages.hpp"
#include "actors/manager.hpp"
#include "runtime/task/slot_pool.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace coppice {

/// REGENERATION_AGENT: a node's own part in its regeneration.
using regeneration_agent_actor
  = node_listener::extend<caf::reacts_to<atom::tick>>;

/// What the REGENERATION_AGENT is told when it starts.
struct regeneration_agent_options {
  worker_key start;
  cluster_link_actor cluster;
  /// Invalid if this node is no manager.
  manager_actor manager;
  /// The slots of the worker; null if this node is none.
  std::shared_ptr<const slot_pool> slots;
  /// Measures this node, and the instances that it runs; may fill in nothing.
  std::function<void(proto::VitalsRequest&)> measure
    = [](proto::VitalsRequest&) {};
  /// Asked how long the parts of this node take to answer; may be invalid.
  api_actor tree{};
  /// Ends the process, so that its keeper starts it again at once.
  std::function<void()> restart = [] {};
  /// How often it is looked whether there is something to do or to say.
  std::chrono::milliseconds tick{100};
  /// How often it says how it is while nothing is under way.
  std::chrono::milliseconds calm{2'000};
  /// How long a part of this node is waited for.
  std::chrono::milliseconds part_patience{2'000};
  /// For an answer of the cluster, or of the MANAGER.
  std::chrono::milliseconds patience{5'000};
};

/// The state of the REGENERATION_AGENT: does what the list of nodes says of its
/// node, and says when that is done. Whatever it says, it says again.
struct regeneration_agent_state {
  // -- constructors, destructors, and assignment operators --------------------

  explicit regeneration_agent_state(regeneration_agent_actor::pointer selfptr)
    : self(selfptr) {}

  // -- handlers ---------------------------------------------------------------

  void on_nodes(const node_news& x);

  void on_tick();

  // -- parts of the handlers --------------------------------------------------

  /// Hands over what this manager leads, as far as others can lead it.
  void hand_over();

  /// Finds out how long the parts of this node take to answer.
  void ask_parts();

  /// Says how this node is, unless the last time is not answered yet.
  void say();

  /// Returns what keeps this node in its phase; empty: nothing.
  std::string waits_for() const;

  /// Returns whether this start of the node is about to be cut back.
  bool is_closing() const {
    return order && order->incarnation == options.start.incarnation
           && order->phase < proto::RESTORE;
  }

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "regeneration_agent";

  regeneration_agent_actor::pointer self;

  regeneration_agent_options options;

  /// As the list says.
  std::optional<node_regeneration> order;

  /// Groups that this manager leads and others could; unset: it was not asked.
  std::optional<uint32_t> leads;

  bool handing_over = false;

  bool asks_parts = false;

  /// How long the slowest part took last; unset: nobody knows yet.
  std::optional<double> latency_ms;

  bool saying = false;

  /// When it says how it is, if nothing is under way.
  caf::actor_clock::time_point next_word{};

  bool restarting = false;
};

/// Takes part in the regeneration of its node.
/// @param self The actor itself.
regeneration_agent_actor::behavior_type regeneration_agent(
  regeneration_agent_actor::stateful_pointer<regeneration_agent_state> self,
  regeneration_agent_options options);

} // namespace coppice

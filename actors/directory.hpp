// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/local_messages.hpp"
#include "actors/peer_links.hpp"

#include <caf/result.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <functional>
#include <string>
#include <vector>

namespace coppice {

/// The DIRECTORY, and how it learns of PEER_LINKS, once, and ends its node.
using directory_impl
  = local_directory_actor::extend<caf::reacts_to<peer_links_actor>,
                                  caf::reacts_to<atom::retire>>;

/// What the DIRECTORY is told when it starts.
struct directory_options {
  /// Name of this node.
  std::string node;
  /// Where the managers are, for people, if this node is none.
  std::string managers;
  /// This node is a manager.
  bool is_manager = true;
  /// Stops this node; called once for each request to stop.
  std::function<void()> stop;
  /// Names of the groups that a manager has.
  std::vector<std::string> groups{"shard-0"};
};

/// The state of the DIRECTORY: the handles of whoever answers.
struct directory_state {
  explicit directory_state(directory_impl::pointer selfptr) : self(selfptr) {}

  // -- handlers ---------------------------------------------------------------

  caf::result<proto::Reply> on_request(proto::Request& x);

  caf::result<proto::Welcome, job_scheduler_actor, task_tracker_actor>
  on_hello(proto::Hello& x, worker_actor& from);

  caf::result<proto::ManagerHello, peer_actor>
  on_manager(proto::ManagerHello& x, caf::strong_actor_ptr& from,
             peer_actor& replica);

  void on_lead(lead_info& x);

  // -- parts of the handlers --------------------------------------------------

  /// Says why this node answers nothing, and who does.
  proto::Reply not_leader() const;

  /// Passes on what concerns the managers themselves.
  caf::result<proto::Reply> ask_replicator(proto::Request& x);

  /// Tells which groups there are, or passes on what concerns a copy of one.
  caf::result<proto::Reply> on_backup(proto::Request& x);

  /// Asks whoever knows, with what was acknowledged before in its tables.
  caf::result<proto::Reply> read(proto::Request& x);

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "directory";

  directory_impl::pointer self;

  directory_options options;

  /// Of this manager.
  lead_info lead;

  /// The manager that leads, if it is another one.
  leader_address leader;

  /// Invalid if this is the only manager.
  peer_links_actor links;
};

/// Answers whoever connects to the node port, or says who does.
/// @param self The actor itself.
/// @param options Facts about this node.
directory_impl::behavior_type
directory(directory_impl::stateful_pointer<directory_state> self,
          directory_options options);

} // namespace coppice

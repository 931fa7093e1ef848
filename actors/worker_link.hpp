// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/local_messages.hpp"
#include "config/node_config.hpp"

#include <caf/atom.hpp>
#include <caf/io/middleman_actor.hpp>
#include <caf/response_promise.hpp>
#include <caf/result.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace coppice {

/// The WORKER_LINK of a node: finds managers.
using worker_link_actor = caf::typed_actor<
  // Dials the managers in turn, beginning behind the one that answered last for
  // the same group. Returns the first that answers, or why the last one did
  // not. CAF keeps one connection to each, whoever asks for it.
  caf::replies_to<caf::connect_atom, std::string>::with<directory_actor>>;

/// The same for its own process.
using local_worker_link_actor
  = worker_link_actor::extend<caf::reacts_to<node_news>>;

/// Where a node finds its managers: one of them.
struct manager_contacts {
  /// In this process; may come later, as a message.
  directory_actor local;
  /// Elsewhere.
  worker_link_actor link;
};

/// What WORKER_LINK is told when it starts.
struct worker_link_options {
  /// Those of the config file, dialled first.
  std::vector<host_port> managers;
  /// How long one of them may take, handshake included.
  std::chrono::milliseconds patience{3'000};
};

/// The state of WORKER_LINK.
struct worker_link_state {
  // -- constructors, destructors, and assignment operators --------------------

  explicit worker_link_state(local_worker_link_actor::pointer selfptr)
    : self(selfptr) {}

  // -- handlers ---------------------------------------------------------------

  caf::result<directory_actor> dial(const std::string& group);

  /// Learns of managers that the config file does not name.
  void on_nodes(const node_news& x);

  // -- parts of the handlers --------------------------------------------------

  /// Asks a manager for the others, as long as no list of nodes has named them:
  /// only who is registered is told of the list, and only the manager that
  /// leads the cluster group registers.
  void ask_for_others(const directory_actor& x);

  /// A manager is found there.
  void learn(const std::string& node, const std::string& address);

  /// Puts together those of the config file and those that it learned of.
  void update_managers();

  /// Dials the next manager; *left* more may be tried after it.
  void dial_next(caf::typed_response_promise<directory_actor> promise,
                 const std::string& group, size_t left);

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "worker_link";

  local_worker_link_actor::pointer self;

  worker_link_options options;

  /// By node, from the list of nodes.
  std::map<std::string, host_port> learned;

  /// All of them.
  std::vector<host_port> managers;

  caf::io::middleman_actor middleman;

  /// Whose turn it is, by group.
  std::map<std::string, size_t> turns;
};

/// Dials the managers of a worker. Never blocks: *middleman* does.
/// @param self The actor itself.
/// @param options Whom to dial; not empty.
/// @param middleman Who dials, see `net::spawn_middleman`. Belongs to
///                  WORKER_LINK from now on.
local_worker_link_actor::behavior_type
worker_link(local_worker_link_actor::stateful_pointer<worker_link_state> self,
            worker_link_options options, caf::io::middleman_actor middleman);

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/local_messages.hpp"
#include "actors/worker_link.hpp"
#include "config/node_config.hpp"

#include <caf/io/middleman_actor.hpp>
#include <caf/response_promise.hpp>
#include <caf/result.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace coppice {

/// PEER_LINKS: the connections of a manager to the other ones. As a
/// `worker_link_actor` it leads the worker in this process to the leader.
using peer_links_actor = worker_link_actor::extend<
  // Another manager introduces itself: see `directory_actor`.
  caf::replies_to<proto::ManagerHello, caf::strong_actor_ptr,
                  peer_actors>::with<proto::ManagerHello, peer_actors>,
  // This manager has a replica from now on.
  caf::reacts_to<own_replica>,
  // Who belongs to a group, as this manager's replica knows.
  caf::reacts_to<group_roster>,
  // Who leads a group, as this manager's replica knows.
  caf::reacts_to<group_lead>,
  // Which members can be reached.
  caf::replies_to<atom::reachable>::with<reachable_members>,
  // Answered once it is clear how a manager without a log is to begin.
  caf::replies_to<atom::found>::with<founding>>;

/// PEER_LINKS with its messages to itself.
using peer_links_impl
  = peer_links_actor::extend<caf::reacts_to<atom::dial, std::string>,
                             caf::reacts_to<atom::tick>>;

/// What PEER_LINKS is told when it starts.
struct peer_links_options {
  /// This manager.
  std::string node;
  /// `cluster.name`.
  std::string cluster;
  uint64_t member = 0;
  uint64_t incarnation = 0;
  /// It has no log of the cluster group.
  bool blank = false;
  /// Who founded the cluster, if its log still begins there.
  std::vector<uint64_t> founders;
  /// All managers, this one among them.
  std::vector<node_config::manager_address> managers;
  /// Makes one who dials for each peer: see `net::spawn_middleman`.
  std::function<caf::io::middleman_actor()> make_dialler;
  /// How long a dial may take, handshake included.
  std::chrono::milliseconds patience{3'000};
  /// How often it tells the others who it is: what one of them missed, because
  /// the facts changed while a message was on its way, it learns then.
  std::chrono::milliseconds refresh{500};
  /// Pause between a vain dial and the next.
  std::chrono::milliseconds retry{200};
  /// The same after a refusal.
  std::chrono::milliseconds retry_refused{5'000};
};

/// The state of PEER_LINKS. Of two managers the one with the lower name dials:
/// two connections between the same nodes would disturb each other.
struct peer_links_state {
  // -- member types -----------------------------------------------------------

  struct peer {
    host_port address;
    /// Only if this manager dials.
    caf::io::middleman_actor middleman;
    /// What it said last; nothing while it is not connected.
    std::optional<proto::ManagerHello> hello;
    directory_actor directory;
  };

  // -- constructors, destructors, and assignment operators --------------------

  explicit peer_links_state(peer_links_impl::pointer selfptr) : self(selfptr) {}

  void init(peer_links_options xs, local_directory_actor here);

  // -- handlers ---------------------------------------------------------------

  caf::result<proto::ManagerHello, peer_actors>
  on_hello(const proto::ManagerHello& x, const caf::strong_actor_ptr& from,
           const peer_actors& replicas);

  void on_dial(const std::string& name);

  void on_tick();

  void on_replica(own_replica& x);

  void on_roster(group_roster& x);

  void on_lead(const group_lead& x);

  /// Returns the DIRECTORY of the manager that leads a group, as far as is
  /// known; to who asks again those of the others in turn.
  caf::result<directory_actor> on_connect(const std::string& group);

  caf::result<founding> on_found();

  reachable_members on_reachable() const;

  void on_down(const caf::down_msg& x);

  // -- parts of the handlers --------------------------------------------------

  /// Returns from which restore the state of this manager has come.
  std::optional<uint64_t> lineage() const;

  proto::ManagerHello introduction() const;

  /// Takes note of what a peer said, and returns whether it may stay.
  std::optional<error> learn(const proto::ManagerHello& x,
                             const directory_actor& from,
                             const peer_actors& replicas);

  /// Tells each own replica of a group which one the peer has of it.
  void link_replicas(const proto::ManagerHello& x, const peer_actors& theirs);

  /// Returns whether the manager *name* is a member of any group.
  bool is_member(const std::string& name) const;

  /// Connects to the manager *name* from now on.
  void add_peer(const std::string& name, const host_port& address);

  /// Forgets the manager *name*, who was removed.
  void drop_peer(const std::string& name);

  /// The replicas of *x* cannot be reached any more.
  void disconnect(peer& x);

  void introduce_to_all();

  /// The manager *name* will have nothing to do with this one, for now.
  void refused(const std::string& name);

  void introduce(const std::string& name, const directory_actor& to);

  void dial_later(const std::string& name, std::chrono::milliseconds pause);

  /// Returns how a manager without a log is to begin, if that is clear.
  std::optional<founding> how_to_begin() const;

  void try_found();

  /// Tells the DIRECTORY who leads which group, as far as that is news.
  void tell_leaders();

  /// In the order of their groups.
  peer_actors own() const;

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "peer_links";

  peer_links_impl::pointer self;

  peer_links_options options;

  /// That of this manager.
  local_directory_actor directory;

  std::map<std::string, own_replica> replicas; ///< By group.

  std::map<std::string, peer> peers; ///< By name; without this manager.

  std::vector<proto::ManagerRow> managers;

  std::map<std::string, std::vector<uint64_t>> members; ///< By group.

  /// All that dial, for the end of this actor.
  std::shared_ptr<std::vector<caf::io::middleman_actor>> middlemen
    = std::make_shared<std::vector<caf::io::middleman_actor>>();

  std::map<std::string, lead_change> leads; ///< By group.

  /// How often somebody looked for who leads a group since that is known.
  std::map<std::string, size_t> turns;

  /// What the DIRECTORY was told of them.
  std::map<std::string, leader_address> told;

  std::vector<caf::typed_response_promise<founding>> waiting;
};

/// Connects a manager to the others, introduces them, and does so again
/// whenever a connection is lost.
/// @param self The actor itself.
/// @param options Facts about this manager and the others.
/// @param directory The DIRECTORY of this manager.
peer_links_impl::behavior_type
peer_links(peer_links_impl::stateful_pointer<peer_links_state> self,
           peer_links_options options, local_directory_actor directory);

} // namespace coppice

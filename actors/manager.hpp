// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/group.hpp"
#include "actors/group_storage.hpp"

#include <caf/actor_clock.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace coppice {

/// MANAGER: a manager's part in all groups.
using manager_actor = group_observer::extend<
  // Hands over the lead of each group that another reachable manager may lead;
  // answers how many those were.
  caf::replies_to<atom::transfer>::with<uint32_t>,
  // Who is about to be cut back is handed no lead.
  caf::reacts_to<node_news>>;

/// MANAGER with its timer.
using manager_impl
  = manager_actor::extend<caf::reacts_to<atom::tick>,
                          // Tells its tree.
                          caf::replies_to<proto::Request>::with<proto::Reply>>;

/// What MANAGER is told when it starts.
struct manager_options {
  /// For every group; what is different for each is filled in.
  group_options groups;
  /// This manager.
  uint64_t member = 0;
  /// Where the folders of the groups are.
  std::filesystem::path dir;
  size_t map_size_bytes = size_t{1} << 30;
  /// How often it is looked whether a lead should go elsewhere.
  std::chrono::milliseconds balance{1'000};
  /// Only what was led for so long is handed over: after a failure there is
  /// enough to do.
  std::chrono::milliseconds settled{5'000};
};

/// Storage that was opened before, by group.
using opened_groups = std::map<std::string, group_storage>;

/// Opens the storage of the cluster group and of the shards that it knows, so
/// that a damaged one is found before anything runs.
/// @param dir Where the folders of the groups are.
result<opened_groups> open_groups(const std::filesystem::path& dir,
                                  size_t map_size_bytes);

/// The state of MANAGER: it begins the cluster group, and each shard as soon as
/// the cluster group knows it.
struct manager_state {
  // -- member types -----------------------------------------------------------

  struct member_of {
    group_actor handle;
    /// Unix time in milliseconds.
    int64_t since_ms = 0;
    std::vector<uint64_t> members;
    lead_change lead;
    /// Since when this manager leads.
    std::optional<caf::actor_clock::time_point> since;
    /// When it was handed over last.
    std::optional<caf::actor_clock::time_point> handed;
  };

  // -- constructors, destructors, and assignment operators --------------------

  explicit manager_state(manager_impl::pointer selfptr) : self(selfptr) {}

  // -- initialization ---------------------------------------------------------

  void init(manager_options xs, group_contacts ys, opened_groups zs);

  // -- handlers ---------------------------------------------------------------

  void on_roster(const group_roster& x);

  void on_lead(const group_lead& x);

  void on_tick();

  caf::result<uint32_t> on_hand_over();

  void on_nodes(const node_news& x);

  caf::result<proto::Reply> on_request(const proto::Request& x);

  void on_exit(const caf::exit_msg& x);

  void on_down(const caf::down_msg& x);

  // -- parts of the handlers --------------------------------------------------

  /// Begins a group that is not there yet.
  /// @param founders If there is no log: who begins it together. Not with this
  ///                 one: then it waits to be taken in.
  void start(const std::string& group, const std::vector<uint64_t>& founders);

  /// Begins the shards that are not there yet.
  void start_shards(const std::vector<proto::ShardRow>& xs);

  /// Returns who may lead a group instead of this manager.
  std::vector<uint64_t> heirs(const member_of& part,
                              const std::vector<uint64_t>& reachable) const;

  void balance(const std::vector<uint64_t>& reachable);

  /// @returns how many leads others could have.
  uint32_t hand_over(const std::vector<uint64_t>& reachable);

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "manager";

  manager_impl::pointer self;

  manager_options options;

  group_contacts contacts;

  /// Not begun yet.
  opened_groups opened;

  std::map<std::string, member_of> parts; ///< By group.

  cluster_facts facts;

  /// Tags of managers that are about to be cut back, see `tag_of`.
  std::set<uint32_t> closing;

  /// Counts what was handed over, so that another one is asked each time.
  size_t handed_over = 0;

  bool stopping = false;

  caf::error stop_reason;
};

/// Takes part in all groups. Remains until it is told to exit, and then until
/// all groups have ended; ends if one of them does.
/// @param self The actor itself.
/// @param options Facts about this manager.
/// @param contacts Whom the groups tell; the observer is MANAGER itself.
/// @param opened The storage of the cluster group, and of what it knows.
manager_impl::behavior_type
manager(manager_impl::stateful_pointer<manager_state> self,
        manager_options options, group_contacts contacts, opened_groups opened);

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/client_desk.hpp"
#include "actors/information_centre.hpp"
#include "actors/job_scheduler.hpp"
#include "actors/local_messages.hpp"
#include "actors/peer_links.hpp"
#include "actors/regenerator.hpp"
#include "actors/service_placer.hpp"
#include "actors/service_store.hpp"
#include "actors/state_replicator.hpp"
#include "actors/task_tracker.hpp"
#include "actors/tree_report.hpp"
#include "runtime/supervise/restart_policy.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace coppice {

/// GROUP: a manager's part in one replicated group.
using group_actor
  = lead_listener::extend<caf::reacts_to<cluster_facts>,
                          caf::reacts_to<atom::transfer, uint64_t>>;

/// GROUP with its messages to itself.
using group_impl
  = group_actor::extend<caf::reacts_to<atom::retire, uint64_t>,
                        caf::reacts_to<atom::reopen>,
                        // Tells its tree.
                        caf::replies_to<proto::Request>::with<proto::Reply>>;

/// What the GROUP is told when it starts.
struct group_options {
  state_replicator_options replicate;
  job_scheduler_options accept;
  task_tracker_options follow;
  information_centre_options observe;
  service_placer_options place;
  regenerator_options regenerate;
  /// How long the children of a former leader live on: to answer those that
  /// they have heard.
  std::chrono::milliseconds grace{200};
  /// How often the children of a leader may fail.
  supervision_limits borne{restart_strategy::one_for_all, 5,
                           std::chrono::seconds{60}};
  /// Opens the tables again, after others have come in their place.
  std::function<result<std::shared_ptr<tables>>()> reopen;
  /// Whether to give the replicator a thread of its own.
  bool threads = true;
};

/// Who is told how it stands with a group.
using group_observer
  = caf::typed_actor<caf::reacts_to<group_lead>, caf::reacts_to<group_roster>>;

/// Whom the GROUP speaks to.
struct group_contacts {
  /// Told who answers for the group, and asked for what is elsewhere.
  local_directory_actor directory;
  /// Invalid if this is the only manager.
  peer_links_actor links;
  /// Invalid in tests.
  group_observer observer;
  /// That of this node; invalid in tests.
  local_state_monitor_actor monitor;
};

/// The state of GROUP: its replicator, and, while this manager leads, the
/// actors that only a leader has.
struct group_state {
  // -- constructors, destructors, and assignment operators --------------------

  explicit group_state(group_impl::pointer selfptr) : self(selfptr) {}

  // -- initialization ---------------------------------------------------------

  void init(group_options xs, group_contacts ys, std::shared_ptr<log_store> log,
            std::shared_ptr<tables> db);

  // -- handlers ---------------------------------------------------------------

  void on_lead(const lead_change& x);

  void on_roster(group_roster& x);

  void on_facts(cluster_facts& x);

  void on_retire(uint64_t number);

  void on_reopen();

  void on_exit(const caf::exit_msg& x);

  void on_down(const caf::down_msg& x);

  // -- handlers and parts: supervision (group_tree.cpp) -----------------------

  caf::result<proto::Reply> on_request(const proto::Request& x);

  /// A child of a leader ended by itself: all of them are started again, if
  /// that can be borne.
  void on_lead_failure(const std::string& child, const caf::error& why);

  /// Takes the lead up again, once all former children have ended and the
  /// tables have what they proposed last.
  void resume_lead();

  // -- parts of the handlers --------------------------------------------------

  void start_replicator();

  /// Returns from which restore the tables have come, if they have a state.
  std::optional<uint64_t> lineage() const;

  bool is_cluster() const {
    return options.replicate.group == cluster_group;
  }

  void tell_directory();

  void begin_to_lead();

  void cease_to_lead();

  /// Ends the children of a leader, and not this actor with them.
  void stop(const lead_info& x, const caf::error& why);

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "group";

  group_impl::pointer self;

  group_options options;

  group_contacts contacts;

  std::shared_ptr<log_store> log_disk;

  std::shared_ptr<tables> store;

  state_replicator_actor replicator;

  lead_info lead;

  /// The last that a shard was told.
  std::optional<cluster_facts> facts;

  /// The term in which this manager leads; 0: it does not.
  uint64_t term = 0;

  /// Former children that still answer, by the number of their end.
  std::map<uint64_t, lead_info> retired;

  uint64_t retirements = 0;

  bool stopping = false;

  /// Judges failures of the children of a leader.
  std::optional<restart_policy> policy;

  /// What the replicator said last.
  lead_change newest;

  /// Former children that were told to end and have not.
  std::set<caf::actor_addr> ending;

  /// The term in which the lead is to be taken up again; 0: it is not.
  uint64_t resume_term = 0;

  // -- for the tree -----------------------------------------------------------

  int64_t replicator_since_ms = 0;

  int64_t lead_since_ms = 0;

  uint32_t lead_restarts = 0;

  std::string last_lead_end;

  /// The former tables: nobody may hold them when others are opened.
  std::weak_ptr<tables> former_store;
};

/// The children of a leader, as it is supervised: any end of one concerns all,
/// for they hold each other's handles and parts of one state.
std::vector<std::pair<std::string, caf::actor>> children_of(const lead_info& x);

/// Runs this manager's part in a group. Children of a leader that fail are
/// started again, all together and on the same tables: whoever held a handle
/// looks again, as when the lead changes. Ends if they fail too often, or if
/// the replicator ends, but for one whose tables have been replaced: what it
/// wrote last is in doubt, and the start of the process is what reads it anew.
/// @param self The actor itself.
/// @param options Limits and intervals of all children.
/// @param contacts Whom to tell.
/// @param log The durable log of the group.
/// @param store The tables behind the log.
group_impl::behavior_type group(group_impl::stateful_pointer<group_state> self,
                                group_options options, group_contacts contacts,
                                std::shared_ptr<log_store> log,
                                std::shared_ptr<tables> store);

} // namespace coppice

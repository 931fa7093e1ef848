// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/messages.hpp"
#include "runtime/health/node_entry.hpp"
#include "runtime/task/judgement.hpp"
#include "runtime/task/kind_table.hpp"
#include "runtime/task/task_id.hpp"
#include "runtime/task/worker_key.hpp"
#include "storage/tables_transfer.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/atom.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// What the actors of one process say to each other. None of it ever crosses a
// node boundary, so none of it has an `inspect`.

namespace coppice {

/// An attempt that was just leased to a node.
struct granted_lease {
  task_id task;
  uint32_t attempt = 0;
  std::string node;
  uint64_t incarnation = 0;
  /// The three clocks of the task, defaults of its kind filled in.
  clocks limits;
  /// State time of the first lease of the task, Unix time in milliseconds.
  int64_t first_leased_ms = 0;
};

/// To the TASK_TRACKER, always before the node can know of the lease.
struct granted_leases {
  std::vector<granted_lease> items;
};

/// To the TASK_TRACKER: leased, but the node was gone before it was told.
struct undelivered_leases {
  std::vector<std::pair<task_id, uint32_t>> items;
};

/// A queue that may have waiting tasks now.
struct ready_queue {
  uint32_t product = 0;
  uint32_t task_class = 0;
};

/// To the JOB_SCHEDULER.
struct ready_queues {
  std::vector<ready_queue> items;
};

/// How an attempt ended, on a node where others have failed.
struct attempt_end {
  std::string node;
  task_id task;
  node_evidence says = node_evidence::nothing;
  /// Of a failure: state time from the lease to the end, so no less than it
  /// ran.
  std::chrono::milliseconds ran_for{0};
  /// Of a failure: why, as a clause for people.
  std::string why{};
};

/// To the JOB_SCHEDULER, in the order in which they became durable. Nothing is
/// told of nodes without a failure since their last success.
struct attempt_ends {
  std::vector<attempt_end> items;
};

namespace atom {

using reopen = caf::atom_constant<caf::atom("reopen")>;
using slots = caf::atom_constant<caf::atom("slots")>;
using reachable = caf::atom_constant<caf::atom("reachable")>;
using dial = caf::atom_constant<caf::atom("dial")>;
using regenerate = caf::atom_constant<caf::atom("regenerate")>;
using transfer = caf::atom_constant<caf::atom("transfer")>;
using retire = caf::atom_constant<caf::atom("retire")>;
using found = caf::atom_constant<caf::atom("found")>;
using barrier = caf::atom_constant<caf::atom("barrier")>;
using flush = caf::atom_constant<caf::atom("flush")>;
using review = caf::atom_constant<caf::atom("review")>;
using sweep = caf::atom_constant<caf::atom("sweep")>;
using dispatch = caf::atom_constant<caf::atom("dispatch")>;
using tick = caf::tick_atom;

} // namespace atom

/// To the STATE_REPLICATOR: the replica of another member can be reached now,
/// or, if the handle is invalid, not any more.
struct peer_link_state {
  uint64_t member = 0;
  peer_actor replica;
};

/// From the STATE_REPLICATOR: who leads the group.
struct lead_change {
  uint64_t term = 0;
  uint64_t leader = 0; ///< Member; 0: unknown.
  /// This member leads, and its tables have all that was acknowledged.
  bool ready = false;
  /// The group has no other member, so nobody else can lead.
  bool alone = false;

  friend bool operator==(const lead_change&, const lead_change&) = default;
};

/// Why a STATE_REPLICATOR ends that was too far behind: the leader's tables are
/// here now, start another one on what `open_tables` returns.
inline caf::error superseded() {
  return {1, caf::atom("superseded")};
}

/// To the STATE_REPLICATOR, from who makes a copy of its tables for it.
struct copied_tables {
  /// Nothing: *why* tells.
  std::shared_ptr<tables_copy> copy;
  error why;
};

/// What a group knows of its members, and, if it is the cluster group, of the
/// cluster.
struct group_roster {
  std::string group;
  /// Who is a member, voting or not.
  std::vector<uint64_t> members;
  /// Those of the config file, and those that the cluster group knows; also who
  /// was removed, and marked so.
  std::vector<proto::ManagerRow> managers;
  /// Only of the cluster group.
  std::vector<proto::ShardRow> shards;
};

/// To whoever has to do with a shard: what the cluster group knows.
struct cluster_facts {
  std::vector<proto::ManagerRow> managers;
  /// How many there are.
  uint32_t shards = 1;
};

/// Is told who leads a group, and who belongs to it: at first, and whenever
/// that changes.
using lead_listener
  = caf::typed_actor<caf::reacts_to<lead_change>, caf::reacts_to<group_roster>>;

/// To PEER_LINKS: the replica that this manager has of a group.
struct own_replica {
  std::string group;
  peer_actor replica;
  /// Who is told of the other managers' replicas.
  caf::typed_actor<caf::reacts_to<peer_link_state>> replicator;
  /// See `lineage_of`; nothing as long as it has no state.
  std::optional<uint64_t> lineage{};
};

/// To PEER_LINKS and MANAGER: how it stands with the lead of a group.
struct group_lead {
  std::string group;
  lead_change lead;
};

/// From PEER_LINKS: the other managers that are connected, as members.
struct reachable_members {
  std::vector<uint64_t> ids;
};

/// From PEER_LINKS: how this manager is to begin.
struct founding {
  /// The members of the new cluster; none: there is a cluster already, and it
  /// has to take this manager in.
  std::vector<uint64_t> voters;
};

/// The STATE_REPLICATOR of one group: the replicated log and the tables behind
/// it.
using state_replicator_actor
  = peer_actor::extend<caf::reacts_to<peer_link_state>,
                       // Replaces the listener.
                       caf::reacts_to<lead_listener>,
                       caf::reacts_to<cluster_facts>,
                       // Hands the lead to this member, if that votes.
                       caf::reacts_to<atom::transfer, uint64_t>,
                       // Proposes one command. The answer means: durable on a
                       // quorum, and applied. An outcome with `error` means:
                       // refused, nothing happened. A CAF error: nobody knows.
                       caf::replies_to<proto::Command>::with<proto::Outcome>,
                       // Answered once this member has led after the question
                       // came: its tables have all that was acknowledged
                       // before. With `error`: it does not lead, or not any
                       // more.
                       caf::replies_to<atom::barrier>::with<proto::Outcome>,
                       // Shows and changes who the managers are, and who leads.
                       caf::replies_to<proto::Request>::with<proto::Reply>>;

/// From STATE_MONITOR: rows of the list of nodes that are news. At first all of
/// them.
struct node_news {
  std::shared_ptr<const std::vector<node_entry>> rows;
};

/// Who wants to know which nodes are healthy.
using node_listener = caf::typed_actor<caf::reacts_to<node_news>>;

/// The JOB_SCHEDULER, as the other actors of the leader see it.
using local_job_scheduler_actor
  = job_scheduler_actor::extend<caf::reacts_to<ready_queues>,
                                caf::reacts_to<attempt_ends>,
                                caf::reacts_to<node_news>>;

/// The TASK_TRACKER, as the other actors of the leader see it.
using local_task_tracker_actor = task_tracker_actor::extend<
  caf::reacts_to<granted_leases>, caf::reacts_to<undelivered_leases>,
  // How it stands with the lead.
  caf::reacts_to<lead_change>, caf::reacts_to<cluster_facts>,
  caf::reacts_to<node_news>,
  // Told once, when both exist.
  caf::reacts_to<local_job_scheduler_actor>,
  // A worker registers; answered when that is durable.
  caf::replies_to<proto::Hello, worker_actor>::with<proto::Welcome>>;

/// The INFORMATION_CENTRE, as its own manager sees it.
using local_information_centre_actor = information_centre_actor::extend<
  // A node registers; answered when that is durable.
  caf::replies_to<proto::Registration,
                  state_monitor_actor>::with<proto::RegistrationReply>,
  // Lists the nodes.
  caf::replies_to<proto::Request>::with<proto::Reply>,
  // Proposes a regeneration, or its next step. Nobody else proposes what
  // changes the list of nodes: so it is told in its order.
  caf::replies_to<proto::Command>::with<proto::Outcome>>;

/// Who proposes commands.
using proposer_actor
  = caf::typed_actor<caf::replies_to<proto::Command>::with<proto::Outcome>>;

/// The STATE_MONITOR, as the other actors of its node see it.
using local_state_monitor_actor = state_monitor_actor::extend<
  // Tells the listener from now on, until it ends.
  caf::reacts_to<node_listener>,
  // Lists the nodes, as far as this one knows them.
  caf::replies_to<proto::Request>::with<proto::Reply>>;

/// The SERVICE_STORE: the journals of services, in the leader of a shard.
using service_store_actor = caf::typed_actor<
  // Of owners. A change is durable once answered; the answer has no head when a
  // journal that is dropped is no more.
  caf::replies_to<proto::Request>::with<proto::Reply>>;

/// The SERVICE_PLACER: which services there are, and where, in the leader of
/// the cluster group.
using service_placer_actor = caf::typed_actor<
  // Services (a long poll), and changes, which are durable once answered.
  caf::replies_to<proto::Request>::with<proto::Reply>,
  caf::reacts_to<node_news>>;

/// The REGENERATOR: what is cut back, and when, in the leader of the cluster
/// group.
using regenerator_actor = caf::typed_actor<
  // What nodes say of themselves; and what people ask for, which is durable
  // once answered.
  caf::replies_to<proto::Request>::with<proto::Reply>>;

/// From GROUP to the DIRECTORY: who answers for the group. While this manager
/// does not lead only the replicator is valid, if that.
struct lead_info {
  std::string group;
  local_job_scheduler_actor scheduler;
  local_task_tracker_actor tracker;
  /// Only of the cluster group.
  local_information_centre_actor centre;
  state_replicator_actor replicator;
  /// The tables of the cluster group, as far as this manager has them; null
  /// for all other groups.
  std::shared_ptr<const tables> store;
  /// The newest term that this manager knows.
  uint64_t term = 0;
  /// This manager leads the group.
  bool leads = false;
  /// Only of a shard: who serves scheduling clients.
  api_actor desk{};
  /// Only of a shard.
  service_store_actor journals{};
  /// Only of the cluster group.
  service_placer_actor placer{};
  /// Only of the cluster group.
  regenerator_actor regenerator{};
};

/// From PEER_LINKS to the DIRECTORY: the other manager that leads a group.
struct leader_address {
  std::string group;
  std::string node; ///< Empty: unknown.
  std::string address;
  directory_actor directory;

  friend bool operator==(const leader_address&, const leader_address&)
    = default;
};

/// The DIRECTORY, as the other actors of the node see it.
using local_directory_actor
  = directory_actor::extend<caf::reacts_to<lead_info>,
                            caf::reacts_to<leader_address>>;

} // namespace coppice

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::worker_key)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::node_news)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::node_listener)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::lead_info)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::leader_address)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::own_replica)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::founding)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::peer_link_state)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::lead_change)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::lead_listener)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::copied_tables)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::group_roster)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::cluster_facts)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::group_lead)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::reachable_members)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::granted_leases)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::undelivered_leases)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::ready_queues)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::attempt_ends)

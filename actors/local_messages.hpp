// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/messages.hpp"
#include "runtime/task/kind_table.hpp"
#include "runtime/task/task_id.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/atom.hpp>

#include <cstdint>
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

namespace atom {

using lead = caf::atom_constant<caf::atom("lead")>;
using flush = caf::atom_constant<caf::atom("flush")>;
using dispatch = caf::atom_constant<caf::atom("dispatch")>;
using tick = caf::tick_atom;

} // namespace atom

/// The STATE_REPLICATOR of one group: the replicated log and the tables behind
/// it.
using state_replicator_actor = caf::typed_actor<
  // Proposes one command. The answer means: durable on a quorum, and applied.
  // An outcome with `error` means: refused, nothing happened. A CAF error:
  // nobody knows.
  caf::replies_to<proto::Command>::with<proto::Outcome>,
  // Answered with the term as soon as this member leads, and its tables have
  // all that was acknowledged before.
  caf::replies_to<atom::lead>::with<uint64_t>>;

/// The JOB_SCHEDULER, as the other actors of the leader see it.
using local_job_scheduler_actor
  = job_scheduler_actor::extend<caf::reacts_to<ready_queues>>;

/// The TASK_TRACKER, as the other actors of the leader see it.
using local_task_tracker_actor = task_tracker_actor::extend<
  caf::reacts_to<granted_leases>, caf::reacts_to<undelivered_leases>,
  // Told once, when both exist.
  caf::reacts_to<local_job_scheduler_actor>,
  // A worker registers; answered when that is durable.
  caf::replies_to<proto::Hello, worker_actor>::with<proto::Welcome>>;

} // namespace coppice

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::granted_leases)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::undelivered_leases)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::ready_queues)

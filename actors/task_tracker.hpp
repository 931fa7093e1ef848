// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/local_messages.hpp"
#include "runtime/task/attempt_ref.hpp"
#include "runtime/task/lease_book.hpp"
#include "storage/history_walk.hpp"
#include "storage/tables.hpp"
#include "storage/task_query.hpp"

#include <caf/actor_clock.hpp>
#include <caf/response_promise.hpp>
#include <caf/result.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace coppice {

/// The TASK_TRACKER with its timers.
using task_tracker_impl
  = local_task_tracker_actor::extend<caf::reacts_to<atom::tick>,
                                     caf::reacts_to<atom::sweep>>;

/// What the TASK_TRACKER is told when it starts.
struct task_tracker_options {
  /// Name of the shard, for people.
  std::string group = "shard-0";
  /// How long the leases of a node live without a report of it.
  std::chrono::milliseconds lease{10'000};
  /// How long a worker may take to stop an attempt.
  std::chrono::milliseconds stop_grace{10'000};
  /// How often the clocks are looked at.
  std::chrono::milliseconds tick{100};
  /// After this long a worker's part of a log is given up.
  std::chrono::milliseconds log_timeout{3'000};
  /// How long tasks are kept after their end, and what ended tasks are removed
  /// at a time.
  history_limits history;
};

/// The state of the TASK_TRACKER of one shard: follows what was leased, by the
/// reports of the workers and the three clocks; knows every task, and has those
/// removed that ended long ago. What it has to do with clocks, with workers,
/// with clients and with history is a file each.
struct task_tracker_state {
  // -- member types -----------------------------------------------------------

  /// A node that said hello since this leader started.
  struct worker {
    worker_actor handle;
    uint64_t incarnation = 0;
    uint64_t connection = 0;
    bool connected = false;
    /// Last sign of life, Unix time in milliseconds.
    int64_t heard_ms = 0;
  };

  /// An attempt that is over, and why.
  struct verdict {
    attempt_key key;
    proto::Reason why;
  };

  /// An end that is proposed.
  struct proposed_end {
    attempt_key key;
    node_evidence says = node_evidence::nothing;
    /// Who reports it; empty for this leader.
    std::string reporter;
    /// Of a failure.
    std::string why;
  };

  using outcome_handler = std::function<void(proto::Outcome&)>;

  /// Writes what an outcome says into a reply.
  using change_reader = std::function<void(proto::Outcome&, proto::Reply&)>;

  // -- constructors, destructors, and assignment operators --------------------

  explicit task_tracker_state(task_tracker_impl::pointer selfptr)
    : self(selfptr) {}

  // -- initialization ---------------------------------------------------------

  /// Rebuilds all monitors from the tables: every lease starts in full.
  result<> init(task_tracker_options xs, std::shared_ptr<const tables> db,
                state_replicator_actor log);

  // -- handlers: leases and clocks (task_tracker.cpp) -------------------------

  void on_granted(granted_leases& xs);

  void on_undelivered(const undelivered_leases& xs);

  void on_lead(const lead_change& x);

  /// Gives up what nodes held that are proven to be gone.
  void on_nodes(const node_news& x);

  void on_tick();

  // -- handlers: history (task_tracker_history.cpp) ---------------------------

  /// Takes the next step to remove tasks that ended long ago, if it is time.
  void sweep();

  // -- handlers: workers (task_tracker_workers.cpp) ---------------------------

  caf::result<proto::Welcome> on_hello(proto::Hello& x, worker_actor& from);

  caf::result<proto::ReportAck> on_report(proto::Report& x);

  caf::result<proto::ReportAck> renew(proto::ReportAck ack);

  /// Returns what the node has to do because people drain it.
  proto::DrainOrder order_for(const std::string& node) const;

  caf::result<proto::CheckpointOutcome> on_save(proto::SaveCheckpoint& x);

  proto::CheckpointChunk on_load(const proto::LoadCheckpoint& x);

  void on_down(const caf::down_msg& x);

  // -- handlers: clients (task_tracker_clients.cpp) ---------------------------

  caf::result<proto::Reply> on_request(proto::Request& x);

  proto::Reply explain(const proto::ExplainRequest& x);

  proto::Reply nodes();

  caf::result<proto::Reply> cancel(const proto::CancelRequest& x);

  caf::result<proto::Reply> retry(const proto::RetryRequest& x);

  caf::result<proto::Reply> read_log(proto::LogRequest& x);

  // -- parts: leases and clocks -----------------------------------------------

  /// Waits for *who* to confirm a lease that is in the book.
  void watch(const attempt_key& key, const worker_key& who);

  /// Proposes *x* and calls *f* with the outcome, or with an error if the log
  /// is gone. There is no deadline: what is applied late must be known as well.
  void propose(proto::Command x, outcome_handler f);

  /// Proposes the ends of attempts, takes note of what became of them, and
  /// calls *f*.
  void propose_ends(proto::FinishCommand items, outcome_handler f);

  /// Takes note of what became of an attempt that ended.
  void finished(const attempt_key& key, const proto::FinishOutcome::Item& fate);

  /// Adds to *out* what the JOB_SCHEDULER has to know of an end, if anything;
  /// to be called before `finished`.
  void note_end(const proposed_end& x, const proto::FinishOutcome::Item& fate,
                attempt_ends& out);

  void tell_ends(attempt_ends xs);

  /// Takes note that a task waits for its next attempt.
  /// @param due_ms End of its pause, 0 if there is none.
  void waits(const task_id& id, int64_t due_ms);

  /// Judges attempts that are over, whatever their nodes say.
  void give_up(const std::vector<verdict>& xs);

  /// Proposes the ends of attempts that the leader itself judged.
  void judge(proto::FinishCommand items);

  void expire(const std::vector<lease_book::expiry>& xs);

  /// Gives up leases that their node never confirmed: the assignment is lost.
  void give_up_unconfirmed();

  /// Queues what has paused long enough.
  void wake();

  void mark_ready(const std::vector<ready_queue>& xs);

  // -- parts: workers ---------------------------------------------------------

  worker* find_worker(const std::string& node, uint64_t incarnation);

  void stop_attempt(const worker_key& where, const attempt_key& key,
                    proto::Reason why);

  /// Takes the ends that an older incarnation of the node left to be told.
  proto::FinishCommand take_last_words(proto::Hello& x);

  /// Writes that the node has come, and welcomes it.
  void register_node(const std::shared_ptr<proto::Hello>& x,
                     const worker_actor& from,
                     caf::typed_response_promise<proto::Welcome> promise);

  /// Ends what older incarnations of the node held: a new one that lives
  /// proves that they do not.
  void give_up_older(const worker_key& x);

  proto::Welcome welcome(const proto::Hello& x, const worker_actor& from,
                         const proto::RegisterOutcome& said);

  /// Forgets older incarnations of the node: the tables say that they are dead.
  void bury_older(const worker_key& x);

  /// Compares what a node holds with what is leased to it.
  void reconcile(const proto::Hello& x, proto::Welcome& out);

  // -- parts: history ---------------------------------------------------------

  /// Proposes to remove tasks; sweeps on after that, unless it was all.
  void forget(const history_step& found);

  /// Begins the next walk over the history after a pause.
  void pause_sweep();

  // -- parts: clients ---------------------------------------------------------

  /// Returns what adds to tasks how far they are.
  task_amendment live_amendment() const;

  /// Proposes *x* and answers with what *f* makes of the outcome, or with its
  /// error.
  caf::result<proto::Reply> change(proto::Command x, change_reader f);

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "task_tracker";

  task_tracker_impl::pointer self;

  task_tracker_options options;

  std::shared_ptr<const tables> store;

  state_replicator_actor replicator;

  local_job_scheduler_actor scheduler;

  lease_book book{lease_limits{}};

  /// Leases that are not confirmed, by the time since when that is waited for.
  std::deque<std::pair<caf::actor_clock::time_point, attempt_key>> unconfirmed;

  std::map<std::string, worker> workers;

  /// Who was granted a lease since this leader started.
  std::set<worker_key> holders;

  /// Nodes on which an attempt failed after the last one that succeeded.
  std::set<std::string> failing;

  /// No pause ends before this, Unix time in milliseconds.
  int64_t next_due_ms = 0;

  bool waking = false;

  /// Nobody else can lead.
  bool alone = false;

  /// Nodes that people drain.
  std::map<std::string, node_hold> drained;

  /// How many there are in the cluster.
  uint32_t shards = 1;

  /// This manager leads; there is no TASK_TRACKER before it does.
  bool leading = true;

  history_walk walk{history_limits{}};

  /// Tasks that are to be removed are on their way through the log.
  bool forgetting = false;

  caf::actor_clock::time_point next_sweep;
};

/// Follows the leased attempts of one shard.
/// @param self The actor itself.
/// @param options Limits and intervals.
/// @param store The tables that *replicator* writes.
/// @param replicator Where commands are proposed.
task_tracker_impl::behavior_type
task_tracker(task_tracker_impl::stateful_pointer<task_tracker_state> self,
             task_tracker_options options, std::shared_ptr<const tables> store,
             state_replicator_actor replicator);

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/local_messages.hpp"
#include "runtime/health/quarantine.hpp"
#include "runtime/task/dispatcher.hpp"
#include "runtime/task/kind_table.hpp"
#include "runtime/task/worker_credit.hpp"
#include "storage/tables.hpp"

#include <caf/response_promise.hpp>
#include <caf/result.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace coppice {

/// The JOB_SCHEDULER with its messages to itself.
using job_scheduler_impl
  = local_job_scheduler_actor::extend<caf::reacts_to<atom::dispatch>,
                                      caf::reacts_to<atom::review>>;

/// What the JOB_SCHEDULER is told when it starts.
struct job_scheduler_options {
  /// Name of the shard, for people.
  std::string group = "shard-0";
  /// The largest encoded spec that is accepted.
  size_t max_payload_bytes = size_t{1} << 20;
  /// The most tasks that one command leases.
  size_t max_leases = 1'000;
  /// When a node is quarantined.
  quarantine_limits bad_nodes;
};

/// The state of the JOB_SCHEDULER of one shard: accepts tasks and gives the
/// waiting ones to workers. Who gets what is decided by `dispatcher`; what was
/// accepted and leased is in the tables. It keeps tasks away from bad nodes;
/// which these are is its memory.
struct job_scheduler_state {
  // -- member types -----------------------------------------------------------

  struct worker {
    worker_actor handle;
    uint64_t connection = 0;
    std::vector<std::string> kinds;
    std::vector<std::string> labels;
    worker_credit credit;
  };

  /// What tells one class from another.
  struct class_needs {
    std::string kind;
    /// Sorted.
    std::vector<std::string> labels;
    uint32_t weight = 1;

    auto operator<=>(const class_needs&) const = default;
  };

  /// A spec that is proposed.
  struct accepted {
    /// Its place in the reply.
    int place = 0;
    /// Who runs it at once, if a pull waits for it.
    std::optional<worker_key> claimed;
    /// Only if claimed.
    uint32_t task_class = 0;
    /// The encoded spec, for the assignment; only if claimed.
    std::string bytes;
    proto::TaskSpec spec;
    /// Binding of its product.
    proto::ProductRoute product;
  };

  /// By name.
  using product_routes = std::map<std::string_view, const proto::ProductRoute*>;

  /// A command with some of the specs of a submit.
  struct part {
    /// Its first item among those of the submit.
    size_t first = 0;
    size_t bytes = 0;
    proto::Command command;
  };

  struct submission;

  struct lease_round;

  /// What is handed out to one worker after a commit.
  struct delivery {
    proto::Assignments message;
    std::vector<granted_lease> leases;
    /// That they take.
    uint32_t slots = 0;
  };

  using deliveries = std::map<worker_key, delivery>;

  // -- constructors, destructors, and assignment operators --------------------

  explicit job_scheduler_state(job_scheduler_impl::pointer selfptr)
    : self(selfptr) {}

  // -- initialization ---------------------------------------------------------

  /// Reads what waits and which kinds and classes there are.
  result<> init(job_scheduler_options xs, std::shared_ptr<const tables> db,
                state_replicator_actor log,
                local_task_tracker_actor task_tracker);

  // -- handlers ---------------------------------------------------------------

  caf::result<proto::Reply> on_request(proto::Request& x);

  void on_pull(proto::Pull& x, worker_actor& from);

  void on_ready(const ready_queues& xs);

  /// Gives nothing to nodes that are down, though they may be connected.
  void on_nodes(const node_news& x);

  void on_dispatch();

  void on_down(const caf::down_msg& x);

  // -- handlers: bad nodes (job_scheduler_quarantine.cpp) ---------------------

  /// Learns which nodes are bad.
  void on_ends(const attempt_ends& xs);

  /// Looks again whether trials are due.
  void on_review();

  /// Lists the nodes as the TASK_TRACKER does, and says which are quarantined.
  caf::result<proto::Reply> nodes(proto::Request& x);

  proto::Reply release(const proto::ReleaseRequest& x);

  // -- parts: bad nodes -------------------------------------------------------

  void on_end(const attempt_end& x);

  /// Offers what quarantined nodes may have now.
  /// @param why Why some may be released, as a clause for people.
  void review(const std::string& why);

  /// Returns the nodes that are here and could run tasks of a class.
  std::set<std::string> able_nodes(uint32_t task_class) const;

  /// Says which nodes could run a task of a class, but get none, and why.
  std::vector<std::string> explain_withheld(uint32_t task_class) const;

  // -- parts of the handlers --------------------------------------------------

  caf::result<proto::Reply> submit(proto::SubmitRequest& request);

  /// Checks a spec, and claims a slot if one is free for it.
  result<accepted> accept(std::string bytes, int place,
                          const product_routes& products);

  void fill(proto::SubmitCommand::Item& out, accepted& item);

  /// Takes the outcome of the part with the *n* items from *first* on.
  void submitted(submission& batch, size_t first, size_t n,
                 const proto::Outcome& outcome);

  void item_submitted(accepted& item, const proto::SubmitOutcome::Item& said,
                      deliveries& out);

  void add_lease(delivery& to, const task_id& task, uint32_t attempt,
                 const worker_key& who, const proto::TaskSpec& spec,
                 int64_t first_leased_ms);

  /// @copydoc submitted
  void submit_failed(submission& batch, size_t first, size_t n,
                     const proto::Error& why);

  /// Says why a task is in the queue; asks the TASK_TRACKER about all others.
  caf::result<proto::Reply> explain(proto::Request& x);

  void leased(lease_round& round, proto::Outcome& outcome);

  void lease_failed(lease_round& round, const std::string& why);

  /// Sends what was leased, first to the TASK_TRACKER, then to the workers.
  void deliver(deliveries& xs);

  void schedule_dispatch();

  void refresh_offer(const worker_key& key);

  void refresh_offers(const std::string& node);

  /// Reads the kinds that workers registered.
  void load_kinds();

  /// Looks up a kind that is not in `kinds`: the worker that registered it may
  /// not have pulled since.
  void learn_kind(const std::string& kind);

  void learn_class(uint32_t number, const proto::TaskSpec& spec);

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "job_scheduler";

  job_scheduler_impl::pointer self;

  job_scheduler_options options;

  std::shared_ptr<const tables> store;

  state_replicator_actor replicator;

  local_task_tracker_actor tracker;

  kind_table kinds;

  dispatcher queue;

  std::map<worker_key, worker> workers;

  /// Numbers of classes, as far as they were seen.
  std::map<class_needs, uint32_t> classes;

  /// The last start of each node that is down.
  std::map<std::string, uint64_t> down;

  /// Nodes that people drain.
  std::set<std::string> drained;

  bool dispatch_scheduled = false;

  quarantine bad_nodes{quarantine_limits{}};

  /// Those that are quarantined now.
  std::set<std::string> quarantined;

  bool review_scheduled = false;
};

/// Accepts tasks and gives them to workers.
/// @param self The actor itself.
/// @param options Limits.
/// @param store The tables that *replicator* writes.
/// @param replicator Where commands are proposed.
/// @param tracker Who follows what is leased.
job_scheduler_impl::behavior_type
job_scheduler(job_scheduler_impl::stateful_pointer<job_scheduler_state> self,
              job_scheduler_options options,
              std::shared_ptr<const tables> store,
              state_replicator_actor replicator,
              local_task_tracker_actor tracker);

} // namespace coppice

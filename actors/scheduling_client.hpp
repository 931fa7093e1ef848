// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/local_messages.hpp"
#include "runtime/task/checkpoint_transfer.hpp"
#include "runtime/task/client_leases.hpp"
#include "storage/tables.hpp"

#include <caf/response_promise.hpp>
#include <caf/result.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace coppice {

/// To SCHEDULING_CLIENT, from itself: whoever asked for tasks has waited long
/// enough.
struct lease_wait_over {
  uint64_t number = 0;
};

/// To CLIENT_DESK: a client has nothing to do, and has had none for long.
struct client_idle {
  std::string client;
  /// How many requests it has got: if there was one more, it stays.
  uint64_t requests = 0;
};

/// Who ends clients that have nothing to do.
using client_owner = caf::typed_actor<caf::reacts_to<client_idle>>;

/// SCHEDULING_CLIENT: a worker, as the other actors of the leader see it.
using scheduling_client_actor = worker_actor::extend<
  // lease_tasks, and client_lease of an attempt that is leased to it. What a
  // client reports is durable, or known to the leader, once answered.
  caf::replies_to<proto::Request>::with<proto::Reply>>;

/// SCHEDULING_CLIENT with its messages to itself.
using scheduling_client_impl
  = scheduling_client_actor::extend<caf::reacts_to<lease_wait_over>,
                                    caf::reacts_to<atom::tick>>;

/// What the SCHEDULING_CLIENT is told when it starts.
struct scheduling_client_options {
  /// Name of the shard, for people.
  std::string group = "shard-0";
  /// Name of the client.
  std::string client{};
  /// Number of its first connection, and of those after it.
  uint64_t connection = 1;
  /// How long a lease lives without news.
  std::chrono::milliseconds lease{10'000};
  /// After this long without leases and requests it is of no use.
  std::chrono::milliseconds idle{60'000};
};

/// Whom the SCHEDULING_CLIENT speaks to; all of them are of the same leader and
/// end with it.
struct scheduling_client_contacts {
  local_task_tracker_actor tracker;
  local_job_scheduler_actor scheduler;
  client_owner owner;
};

/// The state of SCHEDULING_CLIENT: stands for a client that leases tasks by
/// requests, as a worker of the name `client:NAME`. To the other actors it is
/// what an EXECUTOR is, so all rules for workers hold; what it runs, its client
/// runs.
struct scheduling_client_state {
  // -- member types -----------------------------------------------------------

  using time_point = caf::actor_clock::time_point;

  using reply_promise = caf::typed_response_promise<proto::Reply>;

  /// A request for tasks that is not answered.
  struct ask {
    std::string request_id;
    uint32_t limit = 1;
    /// More than one if it was repeated.
    std::vector<reply_promise> promises;
    std::vector<attempt_key> got;
    proto::Reply reply;
    size_t bytes = 0;
    /// It has got the time that it takes to register.
    bool registering = false;
  };

  /// News that came while nobody had said welcome.
  struct early_news {
    proto::ClientLeaseRequest what;
    reply_promise promise;
  };

  /// News of a lease that waits for the acknowledgement of a report.
  struct waiter {
    attempt_key key;
    /// What it is said to have come to; TASK_STATE_UNSPECIFIED: it goes on.
    proto::TaskState said = proto::TASK_STATE_UNSPECIFIED;
    reply_promise promise;
  };

  /// A checkpoint on its way.
  struct upload {
    checkpoint_upload chunks;
    reply_promise promise;
  };

  enum class phase { idle, greeting, connected };

  // -- constructors, destructors, and assignment operators --------------------

  explicit scheduling_client_state(scheduling_client_impl::pointer selfptr)
    : self(selfptr) {}

  // -- initialization ---------------------------------------------------------

  void init(scheduling_client_options xs, scheduling_client_contacts ys,
            std::shared_ptr<const tables> db);

  // -- handlers (scheduling_client.cpp) ---------------------------------------

  caf::result<proto::Reply> on_request(proto::Request& x);

  void on_assignments(const proto::Assignments& xs);

  void on_stop(const proto::StopAttempts& x);

  void on_wait_over(uint64_t number);

  void on_tick();

  /// Answers everybody.
  void on_exit();

  // -- parts: connection (scheduling_client.cpp) ------------------------------

  /// Says hello, with everything that is leased to the client.
  void connect();

  void on_welcome(const proto::Hello& hello, const proto::Welcome& x);

  void lose(const proto::Error& why);

  void send_pull();

  // -- parts: requests for tasks (scheduling_client.cpp) ----------------------

  void lease_tasks(const proto::LeaseTasksRequest& x, reply_promise promise);

  /// Answers what a request has got before.
  void repeat(const std::vector<attempt_key>& keys, reply_promise promise);

  /// Registers anew if the client takes other tasks than before.
  void take_kinds(const proto::LeaseTasksRequest& x);

  /// Returns whether the answer takes a commit, also if the client does not
  /// wait: tasks of its kinds wait, or nobody has registered these.
  bool has_to_wait(const proto::LeaseTasksRequest& x) const;

  /// Gives tasks to those who wait for them, and what is left back.
  void hand_out(const std::vector<proto::Assignment>& xs);

  /// Adds a lease to a request.
  /// @returns False if there is no room for it, or the task is gone.
  bool add_lease(ask& to, const attempt_key& key);

  void answer(std::map<uint64_t, ask>::iterator i);

  // -- parts: news of leases (scheduling_client_news.cpp) ---------------------

  void take_news(proto::ClientLeaseRequest x, reply_promise promise);

  void take_finish(const attempt_key& key, const proto::FinishLease& x,
                   reply_promise promise);

  void take_checkpoint(const attempt_key& key, std::string bytes,
                       reply_promise promise);

  void send_chunk(const attempt_key& key);

  void on_chunk_saved(const attempt_key& key,
                      const proto::CheckpointOutcome& x);

  /// Reports everything, now or when the last report is acknowledged.
  void send_report();

  /// Says that the client lives; nothing else.
  void send_keepalive();

  void on_ack(const std::vector<attempt_key>& ended, const proto::ReportAck& x);

  /// Says whether a lease goes on.
  proto::Reply state_of(const attempt_key& key) const;

  // -- parts ------------------------------------------------------------------

  static void deliver(reply_promise to, proto::Reply x) {
    to.deliver(std::move(x));
  }

  std::string node() const;

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "scheduling_client";

  scheduling_client_impl::pointer self;

  scheduling_client_options options;

  scheduling_client_contacts contacts;

  std::shared_ptr<const tables> store;

  client_leases book{std::chrono::seconds{1}, std::chrono::milliseconds{100}};

  phase state = phase::idle;

  uint64_t connection = 0;

  /// What the client asked for last, sorted.
  std::vector<std::string> kinds;
  std::vector<std::string> labels;

  /// Number of the last assignments.
  uint64_t seen = 0;

  /// Came while nobody had said welcome.
  std::vector<proto::Assignment> early;
  std::vector<early_news> unheard;

  /// By number.
  std::map<uint64_t, ask> asks;

  uint64_t last_ask = 0;

  /// News for the next report, and those in the last one.
  std::vector<waiter> waiting;
  std::vector<waiter> reported;

  bool reporting = false;

  /// There is news since the last report.
  bool report_again = false;

  uint64_t reports = 0;

  time_point reported_at{};

  std::map<attempt_key, upload> uploads;

  /// Requests that came, and when the last did.
  uint64_t requests = 0;
  time_point asked_at{};
};

/// Stands for a scheduling client in one shard.
/// @param self The actor itself.
/// @param options Limits and intervals.
/// @param contacts Whom to speak to.
/// @param store The tables of the shard.
scheduling_client_impl::behavior_type scheduling_client(
  scheduling_client_impl::stateful_pointer<scheduling_client_state> self,
  scheduling_client_options options, scheduling_client_contacts contacts,
  std::shared_ptr<const tables> store);

/// Returns the answer to news of an attempt that has ended, or is not leased
/// any more: a finish that is said again is confirmed, all else is fenced.
/// @param node The worker that ran it; empty: any that stands for a client.
proto::Reply answer_of_ended(const tables& store, const attempt_key& key,
                             proto::TaskState said, const std::string& node);

} // namespace coppice

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::lease_wait_over)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::client_idle)

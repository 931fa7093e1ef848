// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/executor_files.hpp"
#include "actors/executor_options.hpp"
#include "actors/last_words.hpp"
#include "actors/local_messages.hpp"
#include "actors/messages.hpp"
#include "actors/task_run.hpp"
#include "actors/worker_link.hpp"
#include "runtime/task/attempt_table.hpp"
#include "runtime/task/checkpoint_transfer.hpp"
#include "runtime/task/search_pauses.hpp"
#include "runtime/task/task_context.hpp"

#include <caf/actor_addr.hpp>
#include <caf/atom.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <unordered_set>
#include <utility>

namespace coppice {

/// A pause of an attempt of the kind "sleep" is over.
struct pause_over {
  attempt_key key;
};

/// The EXECUTOR as it sees itself. Hand out the narrower `worker_actor`, or
/// `executor_actor` in its own process.
using executor_impl = worker_actor::extend<
  // The manager in this process started (again).
  caf::reacts_to<directory_actor>, caf::reacts_to<run_event>,
  // Slots of the pool were taken or given back.
  caf::reacts_to<atom::slots>, caf::reacts_to<pause_over>,
  caf::reacts_to<caf::tick_atom>, caf::reacts_to<caf::flush_atom>,
  caf::reacts_to<caf::connect_atom, uint64_t>>;

/// The EXECUTOR as its own process sees it.
using executor_actor = worker_actor::extend<caf::reacts_to<directory_actor>,
                                            caf::reacts_to<atom::slots>>;

/// An attempt that lives on this node, from its assignment until nothing of it
/// runs any more and its end is known.
struct held_attempt {
  std::shared_ptr<const proto::TaskSpec> spec;
  /// Null until it starts, and for sleepers.
  run_control_ptr control;
  bool started = false;
  bool exclusive = false;
  /// Slots that it takes.
  uint32_t weight = 1;
  bool has_slot = false;
  /// Without a slot it is given back then.
  caf::actor_clock::time_point slot_deadline;
  /// What it begins with, once it has a slot.
  std::optional<proto::CheckpointHead> head;
  /// Another attempt of the task has to end before it starts.
  bool waits = false;
  /// Nobody wants to hear of it any more.
  bool dropped = false;
  /// Why it was told to stop.
  proto::Reason stop = proto::REASON_UNSPECIFIED;
  /// Its end is reported then, whether or not its thread has ended.
  std::optional<caf::actor_clock::time_point> give_up_at;
  /// It was reported though its thread has not ended.
  bool abandoned = false;
  /// Size of the checkpoint it started from, or -1.
  int64_t resumed_bytes = -1;

  // -- checkpoints ------------------------------------------------------------

  std::optional<std::string> checkpoint;
  std::optional<checkpoint_download> download;
  std::optional<checkpoint_upload> upload;
  /// A chunk is on its way, either direction.
  bool transfer_in_flight = false;
  /// Came while another one was on its way.
  std::optional<run_checkpoint> next_checkpoint;
  uint32_t checkpoint_version = 0;
  /// It failed; told when its checkpoint is durable.
  std::optional<proto::FinishCommand::Item> end;
};

/// The state of EXECUTOR: runs what managers assign to this node, and tells
/// them what becomes of it. Each group of handlers is a file of its own.
struct executor_state {
  // -- member types -----------------------------------------------------------

  using ms = std::chrono::milliseconds;

  using time_point = caf::actor_clock::time_point;

  using attempt_map = std::map<attempt_key, held_attempt>;

  enum class phase { searching, greeting, connected };

  /// The connection to a manager.
  struct connection {
    phase state = phase::searching;
    /// Counts them from 1; answers to an earlier one are ignored.
    uint64_t epoch = 1;
    directory_actor directory;
    job_scheduler_actor scheduler;
    task_tracker_actor tracker;
    ms lease{10'000};
    uint64_t reports = 0;
    size_t in_flight = 0;
    /// Number of the last assignments.
    uint64_t seen = 0;
    /// What the last pull said.
    std::optional<std::pair<slot_offer, uint64_t>> pulled;
    /// On the clock that goes on in suspension: when the last message was sent
    /// that is known to have renewed all leases.
    std::chrono::nanoseconds renewed{0};
  };

  // -- constructors, destructors, and assignment operators --------------------

  explicit executor_state(executor_impl::pointer selfptr) : self(selfptr) {}

  executor_state(const executor_state&) = delete;

  executor_state& operator=(const executor_state&) = delete;

  /// Ends what runs, if anything does: then a handler has thrown.
  ~executor_state();

  // -- initialization ---------------------------------------------------------

  void init(executor_options xs, manager_contacts managers);

  // -- handlers: connection (executor_connection.cpp) -------------------------

  void on_directory(directory_actor x);

  /// Looks for a manager, unless that was superseded.
  void on_connect(uint64_t epoch);

  void on_down(const caf::down_msg& x);

  void on_flush();

  // -- handlers: attempts (executor_attempts.cpp) -----------------------------

  void on_assignments(const proto::Assignments& x);

  void on_stop_attempts(const proto::StopAttempts& x);

  void on_run_event(run_event& x);

  void on_pause_over(const pause_over& x);

  void on_slots();

  // -- handlers: the rest (executor.cpp) --------------------------------------

  caf::result<proto::Reply> on_log_request(const proto::LogRequest& x);

  void on_tick();

  void on_exit(const caf::exit_msg& x);

  // -- parts: connection ------------------------------------------------------

  void search_in(ms pause);

  void greet(directory_actor x);

  void on_welcome(const proto::Welcome& x, const job_scheduler_actor& scheduler,
                  const task_tracker_actor& tracker,
                  std::chrono::nanoseconds asked);

  void reconcile(const proto::Welcome& x);

  /// Takes note of how many shards there are.
  void note_shards(uint32_t n);

  /// Gives the connection up and looks for another one.
  void lose(const std::string& why);

  /// The same, quickly, as this manager does not lead.
  void look_further(const std::string& why);

  void forget_handles();

  /// Has news told soon, with all other news of this turn.
  void schedule_flush();

  void send_news();

  /// Reports news, or that there is none.
  void send_report();

  /// Says nothing but that this node lives.
  void send_keepalive();

  void on_ack(uint64_t number, const proto::ReportAck& x,
              std::chrono::nanoseconds sent);

  void send_pull();

  /// Returns what the manager may use, as far as assignments go that came.
  slot_offer free_slots() const;

  bool connected() const {
    return link.state == phase::connected;
  }

  // -- parts: attempts --------------------------------------------------------

  /// Runs, or refuses, one attempt.
  void assign(const proto::Assignment& x);

  /// Returns whether an attempt is to run; if not, that is dealt with.
  bool admit(const attempt_key& key);

  /// Ends an attempt that is not going to run.
  void reject(const attempt_key& key, const std::string& why);

  /// Goes on with an attempt if it can have a slot.
  void begin(attempt_map::iterator i);

  /// Gives back attempts that found no slot.
  void give_back_slotless(time_point now);

  /// Goes on with an attempt whose checkpoint is here.
  void ready(attempt_map::iterator i);

  void start(attempt_map::iterator i);

  void start_sleep(attempt_map::iterator i);

  /// Asks an attempt to stop, or drops it where *why* is LEASE_EXPIRED.
  void stop_attempt(const attempt_key& key, proto::Reason why);

  /// Kills an attempt and reports nothing.
  void drop(const attempt_key& key);

  /// Nothing of the attempt runs any more.
  void ended(attempt_map::iterator i, proto::FinishCommand::Item end);

  /// Reports the end of an attempt.
  void finish(const attempt_key& key, held_attempt& x,
              proto::FinishCommand::Item end);

  /// Forgets an attempt and starts what waits for its end.
  void erase(attempt_map::iterator i);

  /// Reports attempts whose code does not stop.
  void abandon_stuck(time_point now);

  /// Stops exclusive attempts whose lease may be over. Called before anything
  /// is said that would renew it.
  void stop_unrenewed();

  /// Takes note that what was sent at *sent* renewed all leases.
  void renewed(std::chrono::nanoseconds sent);

  /// Returns when exclusive attempts have to stop: early enough that everything
  /// is over when the manager may think so.
  std::chrono::nanoseconds last_moment() const;

  // -- parts: checkpoints (executor_checkpoints.cpp) --------------------------

  void load_checkpoint(attempt_map::iterator i,
                       const proto::CheckpointHead& head);

  void ask_for_chunk(attempt_map::iterator i);

  void on_chunk(const attempt_key& key, const proto::CheckpointChunk& x);

  void load_failed(attempt_map::iterator i, const error& why);

  void save_checkpoint(attempt_map::iterator i, run_checkpoint x);

  void send_chunk(attempt_map::iterator i);

  void on_chunk_saved(const attempt_key& key,
                      const proto::CheckpointOutcome& x);

  /// Ends an upload and whatever waited for it.
  void checkpoint_done(attempt_map::iterator i, const result<>& outcome);

  /// Begins anew all transfers that the last connection left open.
  void resume_transfers();

  // -- parts: the rest --------------------------------------------------------

  /// Does what a manager says because people drain this node.
  void follow(proto::DrainOrder x);

  /// Ends an attempt that did not begin, and asks others for a checkpoint.
  void move_attempt(attempt_map::iterator i);

  /// Has output removed that is beyond the bounds.
  void prune_logs();

  /// Leaves what no manager knows to the next incarnation.
  void leave_words();

  /// Does so while there is no manager, in case this incarnation dies
  /// meanwhile.
  void keep_words();

  /// Quits if the node stops and all is done that can be done.
  void quit_if_done(time_point now);

  ms tick_interval() const;

  ms keepalive_interval() const;

  /// Who it is in the log.
  std::string label() const;

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "executor";

  /// Reports with news that are not acknowledged.
  static constexpr size_t max_reports_in_flight = 4;

  executor_impl::pointer self;

  executor_options options;

  manager_contacts managers;

  attempt_paths paths;

  executor_files_actor files;

  std::map<std::string, run_starter> starters;

  std::map<std::string, proto::KindInfo> kinds;

  attempt_table table;

  attempt_map live;

  /// Attempts that have a folder to be removed.
  std::unordered_set<attempt_key> with_folder;

  /// What an earlier incarnation left to be said, until a manager knows it.
  last_words inherited;

  /// So many ends were left to the next incarnation since the last welcome.
  size_t kept = 0;

  connection link;

  /// For the threads of exclusive attempts: `last_moment`.
  std::shared_ptr<lease_end> exclusive_end;

  /// The most that a manager has named.
  uint32_t shards = 1;

  /// What the manager said last.
  proto::DrainOrder drain = proto::NO_DRAIN;

  /// Between managers, since the last acknowledgement.
  search_pauses pauses{options.backoff_min, options.backoff_max};

  bool flush_scheduled = false;

  time_point flushed_at;

  time_point reported_at;

  time_point pulled_at;

  time_point pruned_at;

  std::minstd_rand rng;

  // -- stopping ---------------------------------------------------------------

  bool stopping = false;

  caf::error stop_reason;

  time_point stop_deadline;

  /// Since when nothing runs any more.
  std::optional<time_point> idle_since;
};

/// Runs tasks on this node. Remains until it is told to exit; then it stops
/// what runs, reports it and quits.
/// @param self The actor itself.
/// @param options Who it is, what it can run, and how patient it is.
/// @param managers Where it finds a manager.
executor_impl::behavior_type
executor(executor_impl::stateful_pointer<executor_state> self,
         executor_options options, manager_contacts managers);

} // namespace coppice

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::pause_over)

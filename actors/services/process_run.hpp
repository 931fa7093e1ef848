// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/launcher_link.hpp"
#include "actors/services/instance.hpp"
#include "actors/services/state_keeper.hpp"

#include <caf/atom.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>

namespace coppice {

/// The PROCESS_RUN of one instance.
using process_run_actor
  = launch_observer::extend<caf::reacts_to<leave_service>,
                            caf::reacts_to<end_service>,
                            caf::reacts_to<still_owner>,
                            // Looks how healthy it is.
                            caf::reacts_to<caf::tick_atom>,
                            // Looks whether it still has requests.
                            caf::reacts_to<caf::flush_atom>>;

/// What PROCESS_RUN is told when it starts.
struct process_run_options {
  instance_start start;
  instance_surroundings here;
  launcher_actor launcher;
  /// Saves its state; invalid if it has none.
  state_keeper_actor keeper;
  /// Where its output goes.
  std::filesystem::path folder;
  /// Between SIGTERM and SIGKILL.
  std::chrono::milliseconds term_grace{10'000};
  /// How often it is looked whether it is healthy.
  std::chrono::milliseconds tick{100};
  /// When it leaves, its state is tried to be saved for so long, and ...
  std::chrono::milliseconds save_patience{600'000};
  /// ... again after such a pause.
  std::chrono::milliseconds save_pause{1'000};
};

/// The state of PROCESS_RUN: a command that serves HTTP on a port of loopback.
/// Whether it is healthy is for whoever looks after `local_services` to say.
struct process_run_state {
  // -- constructors, destructors, and assignment operators --------------------

  explicit process_run_state(process_run_actor::pointer selfptr)
    : self(selfptr) {}

  ~process_run_state();

  // -- initialization ---------------------------------------------------------

  void init(process_run_options xs);

  // -- handlers ---------------------------------------------------------------

  void on_event(const proto::LaunchEvent& x);

  void on_leave();

  void on_end(const std::string& why);

  /// Its lease may have got longer.
  void on_owner();

  void on_tick();

  /// Stops the command once it has answered what it was asked, and its state
  /// is saved.
  void await_requests();

  // -- parts of the handlers --------------------------------------------------

  proto::StartCommand command() const;

  /// Makes the folder of its output, and keeps the output small.
  result<> prepare();

  void on_exited(const proto::CommandExited& x);

  /// Gives the process its state back, before it gets requests.
  void restore();

  void on_restored(const std::string& problem);

  /// Saves its state, if it is time for that.
  void capture();

  /// @param is_last It gets no more requests.
  void on_captured(bool is_last, const std::string& problem);

  void schedule_capture();

  /// Returns whether it leaves, and what it has been asked is answered, or will
  /// not be.
  bool has_done_its_work() const;

  /// Tells the launcher to stop the command.
  void stop(std::chrono::milliseconds grace);

  void say(proto::ServiceStatus status, std::string why = {});

  void finish(proto::ServiceStatus status, std::string why);

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "process_run";

  process_run_actor::pointer self;

  process_run_options options;

  std::filesystem::path log_file;

  uint16_t port = 0;

  uint64_t id = 0;

  proto::ServiceStatus said = proto::SERVICE_PLACED;

  /// It has to be healthy until then.
  caf::actor_clock::time_point start_ends;

  /// It has its state, or needs none.
  bool restored = false;

  /// The keeper restores or saves its state at this time.
  bool keeping = false;

  /// Its state was saved after its last request.
  bool captured = false;

  caf::actor_clock::time_point next_capture{};

  /// Why it is stopped, if not because the cluster wants that.
  std::string trouble;

  /// Why it was ended by its node, if it was.
  std::string ended_for;

  bool running = false;

  bool leaving = false;

  /// What it still answers after it was told to leave, and for how long.
  std::shared_ptr<std::atomic<uint32_t>> in_flight;

  caf::actor_clock::time_point leave_ends;

  bool stopped = false;

  bool over = false;
};

/// Runs the command of a process service by way of the launcher.
/// @param self The actor itself.
process_run_actor::behavior_type
process_run(process_run_actor::stateful_pointer<process_run_state> self,
            process_run_options options);

/// Returns a port of loopback on which nobody listens at this moment; 0 if
/// there is none.
uint16_t find_free_port();

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/launcher_link.hpp"
#include "actors/task_run.hpp"
#include "actors/task_run_log.hpp"
#include "runtime/task/progress_tree.hpp"

#include <caf/atom.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace coppice {

/// The attempt has to stop.
struct stop_exec {
  std::chrono::milliseconds grace{0};
};

/// The command is to save a checkpoint soon.
struct want_checkpoint {};

/// What became of a checkpoint: empty if it is durable, else why not.
struct exec_checkpoint_saved {
  std::string problem;
};

/// The EXEC_RUN of one attempt of the kind "exec", with its own timer.
using exec_run_actor = launch_observer::extend<
  caf::reacts_to<stop_exec>, caf::reacts_to<want_checkpoint>,
  caf::reacts_to<exec_checkpoint_saved>, caf::reacts_to<caf::flush_atom>>;

/// What all commands of a node have in common.
struct exec_settings {
  launcher_actor launcher;
  /// Where `coppice` in a command finds the cluster (COPPICE_ADDRESS).
  std::string client_address;
  /// Whether each has a thread of its own, as it blocks on the disk. Not in
  /// tests.
  bool threads = true;
};

/// Returns what runs attempts of the kind "exec".
run_starter exec_starter(caf::actor_system& sys, exec_settings settings);

/// The state of EXEC_RUN.
struct exec_run_state {
  // -- constructors, destructors, and assignment operators --------------------

  explicit exec_run_state(exec_run_actor::pointer selfptr) : self(selfptr) {}

  // -- initialization ---------------------------------------------------------

  void init(exec_settings xs, run_observer to, run_start what);

  // -- handlers ---------------------------------------------------------------

  void on_event(const proto::LaunchEvent& x);

  void on_stop(const stop_exec& x);

  void on_want_checkpoint();

  void on_checkpoint_saved(const exec_checkpoint_saved& x);

  /// Tells the progress that was held back.
  void on_flush();

  // -- parts of the handlers --------------------------------------------------

  /// Makes the folder and writes the checkpoint of the last attempt.
  result<> prepare();

  proto::StartCommand command() const;

  void on_line(const proto::CommandLine& x);

  void on_exited(const proto::CommandExited& x);

  void save_checkpoint(const std::string& path);

  /// Notes something in the output of the command.
  void note(std::string_view text);

  void say_ended(proto::FinishCommand::Item end);

  template <class T>
  void say(T what) {
    self->send(observer, run_event{start.key, std::move(what)});
  }

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "exec_run";

  exec_run_actor::pointer self;

  exec_settings settings;

  run_observer observer;

  run_start start;

  /// Where relative paths of the command begin.
  std::filesystem::path folder;

  uint64_t id = 0;

  progress_tree tree;

  int64_t changed_ms = 0;

  std::string result_text;

  std::unique_ptr<task_log> log_file;

  bool flush_scheduled = false;

  bool noted_bad_line = false;
};

/// Runs the command of one attempt by way of the launcher.
/// @param self The actor itself.
/// @param settings What all commands have in common.
/// @param observer Who is told of it.
/// @param start The attempt.
exec_run_actor::behavior_type
exec_run(exec_run_actor::stateful_pointer<exec_run_state> self,
         exec_settings settings, run_observer observer, run_start start);

} // namespace coppice

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::stop_exec)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::want_checkpoint)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::exec_checkpoint_saved)

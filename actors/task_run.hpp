// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/command.pb.h"
#include "proto/task.pb.h"
#include "runtime/error.hpp"
#include "runtime/lease_end.hpp"
#include "runtime/task/attempt_ref.hpp"
#include "runtime/task/task_context.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace coppice {

// -- what an attempt says -----------------------------------------------------

/// The code of the attempt runs.
struct run_started {
  /// Unix time in milliseconds.
  int64_t at_ms = 0;
};

/// It got further.
struct run_progressed {
  proto::Progress progress;
};

/// It wants this to be kept for the next attempt.
struct run_checkpoint {
  std::string bytes;
  proto::Progress progress;
};

/// It is over, and nothing of it lives.
struct run_ended {
  proto::FinishCommand::Item end;
};

/// What the run of an attempt says to the EXECUTOR.
struct run_event {
  attempt_key key;
  std::variant<run_started, run_progressed, run_checkpoint, run_ended> what;
};

/// The EXECUTOR, as a run sees it.
using run_observer = caf::typed_actor<caf::reacts_to<run_event>>;

// -- what it is told ----------------------------------------------------------

/// The EXECUTOR's end of a run. None of its functions blocks.
class run_control {
public:
  virtual ~run_control() = default;

  /// Asks the attempt to stop. It ends with a `run_ended` in any case.
  /// @param grace After this it may be ended by force; 0: at once.
  virtual void stop(std::chrono::milliseconds grace) = 0;

  /// Asks the attempt to save a checkpoint soon; it may not.
  virtual void ask_for_checkpoint() = 0;

  /// Says that the checkpoint that it asked for last is durable, or why it is
  /// not.
  virtual void checkpoint_saved(const result<>& outcome) = 0;
};

using run_control_ptr = std::unique_ptr<run_control>;

/// What a run is told when it starts.
struct run_start {
  attempt_key key;
  std::shared_ptr<const proto::TaskSpec> spec;
  /// What an earlier attempt saved last.
  std::optional<std::string> checkpoint;
  /// A folder of its own; made by whoever needs it.
  std::filesystem::path folder;
  /// Where its output goes; made by whoever needs it.
  std::filesystem::path log_file;
  /// Only of an exclusive attempt: it has to stop then, by itself.
  lease_end_ptr lease;
};

/// Starts the run of an attempt.
using run_starter
  = std::function<run_control_ptr(const run_observer&, run_start)>;

/// Returns what runs *function* in a thread of its own for each attempt.
///
/// A function cannot be stopped by force: one that never looks at `cancelled`
/// keeps its thread.
/// @param kind Its name, for the log.
run_starter function_starter(caf::actor_system& sys, std::string kind,
                             task_function function);

// -- helpers for runs ---------------------------------------------------------

/// Returns the end of an attempt that worked.
proto::FinishCommand::Item succeeded(std::string text);

/// Returns the end of an attempt that failed. Cuts and cleans the message so
/// that it can be sent.
proto::FinishCommand::Item failed(std::string_view code,
                                  std::string_view message);

/// Returns the time that is stored and shown: Unix time in milliseconds.
int64_t wall_ms();

} // namespace coppice

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::run_event)

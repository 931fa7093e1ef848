// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/command.pb.h"
#include "proto/task.pb.h"
#include "runtime/task/task_id.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coppice {

/// The largest checkpoint that is kept; a task with more stores it itself and
/// checkpoints where it is.
inline constexpr size_t max_checkpoint_bytes = size_t{16} << 20;

/// What an attempt made, for people and for the task that comes next.
struct task_result {
  task_result() = default;

  // A function may return its text directly.
  task_result(std::string x) : text(std::move(x)) {} // NOLINT
  task_result(const char* x) : text(x) {}            // NOLINT

  /// At most 16 KiB of UTF-8.
  std::string text;
};

/// Ends an attempt as failed, thrown by a task function.
class task_failure : public std::runtime_error {
public:
  /// @param code For programs; what `RetryPolicy.final_errors` names.
  /// @param message For people; at most 4 KiB.
  task_failure(std::string code, const std::string& message)
    : std::runtime_error(message),
      code_(std::move(code)) {}

  const std::string& code() const noexcept {
    return code_;
  }

private:
  std::string code_;
};

/// Thrown by the functions of a context that block when the attempt has to
/// stop. A task function lets it pass.
class task_stopped : public std::runtime_error {
public:
  task_stopped() : std::runtime_error("the attempt was told to stop") {}
};

/// What the code of a task knows about its attempt, and what it can say.
///
/// Belongs to the thread that runs the attempt, and dies when the task function
/// returns.
class task_context {
public:
  virtual ~task_context() = default;

  // -- the attempt ------------------------------------------------------------

  virtual const proto::TaskSpec& spec() const = 0;

  virtual task_id id() const = 0;

  /// Returns the number of this attempt, counted from 1.
  virtual uint32_t attempt() const = 0;

  /// Returns what an earlier attempt saved last, or nothing.
  virtual const std::optional<std::string>& last_checkpoint() const = 0;

  /// Returns whether the attempt has to stop: look often, and if the kind is
  /// exclusive before each step that must not meet one of another attempt.
  virtual bool cancelled() const = 0;

  /// Returns whether a checkpoint should be saved soon: people drain the node,
  /// and the next attempt goes on elsewhere from there. Until then the attempt
  /// runs on.
  virtual bool checkpoint_wanted() const = 0;

  // -- what it says -----------------------------------------------------------

  /// Says how far the whole is, 0 to 100, for a task without stages.
  /// @param message For people; at most 1 KiB, empty leaves the last one.
  virtual void progress(double percent, std::string_view message = {}) = 0;

  /// Announces a part of the work. Its share of the whole is its weight
  /// relative to its siblings.
  /// @param path Name of the stage; `a/b` is part `b` of stage `a`.
  virtual void add_stage(std::string_view path, double weight = 1) = 0;

  /// Says how far the stage at *path* is, 0 to 100.
  virtual void
  stage(std::string_view path, double percent, std::string_view message = {})
    = 0;

  /// Saves *bytes* for the next attempt; returns when they are durable.
  /// @throws task_stopped if the attempt has to stop.
  /// @throws task_failure if they are more than `max_checkpoint_bytes`.
  virtual void checkpoint(std::string bytes) = 0;

  /// Appends *line* to the log of the attempt.
  virtual void log(std::string_view line) = 0;

  /// Waits, but no longer than until the attempt has to stop.
  /// @returns `!cancelled()`
  virtual bool sleep_for(std::chrono::nanoseconds pause) = 0;
};

/// The code of a kind of tasks. Runs in a thread of its own.
///
/// What it throws fails the attempt: a `task_failure` with its code, any other
/// exception with the code "exception".
using task_function = std::function<task_result(task_context&)>;

/// A kind of tasks that a worker can run.
struct task_kind {
  /// Its name, and the defaults for what a spec leaves out.
  proto::KindInfo info;

  /// Empty for the kinds that the EXECUTOR runs by itself.
  task_function run;
};

} // namespace coppice

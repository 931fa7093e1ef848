// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/messages.hpp"
#include "runtime/task/attempt_key.hpp"
#include "runtime/task/log_bounds.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/result.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <cstdint>
#include <filesystem>
#include <vector>

namespace coppice {

/// Where a worker keeps the files of its attempts.
struct attempt_paths {
  std::filesystem::path data_dir;

  /// Returns the folder of an attempt: it lives until its end is acknowledged.
  std::filesystem::path folder(const attempt_key& x) const;

  /// Returns the folder of all output.
  std::filesystem::path logs() const;

  /// Returns the file with the output of an attempt. Its time is the end of the
  /// attempt, once that is durable.
  std::filesystem::path log_file(const attempt_key& x) const;

  /// Returns the file whose time says until when output was removed.
  std::filesystem::path removal_mark() const;
};

/// A part of the output of an attempt is asked for.
struct read_log {
  /// Attempt 0: the latest that has a file, or *known*.
  attempt_key key;
  /// The latest attempt of the task that this node holds; 0: none.
  uint32_t known = 0;
  /// It runs, so its output may grow.
  bool known_runs = false;
  uint64_t offset = 0;
  uint64_t limit = 0;
};

/// These attempts are over and their ends durable: their folders can go.
struct remove_folders {
  std::vector<attempt_key> keys;
};

/// Output that is beyond the bounds is to be found.
struct find_old_logs {
  log_bounds bounds;
  /// Attempts that run: not to be found.
  std::vector<attempt_key> running;
};

/// The oldest first.
struct old_logs {
  std::vector<kept_log> items;
};

/// This output can go; the attempts are over.
struct remove_logs {
  std::vector<kept_log> items;
  /// How many of them are removed.
  size_t done = 0;
};

/// The EXECUTOR_FILES actor: does for the EXECUTOR what blocks on the disk.
using executor_files_actor = caf::typed_actor<
  caf::replies_to<read_log>::with<proto::Reply>, caf::reacts_to<remove_folders>,
  caf::replies_to<find_old_logs>::with<old_logs>, caf::reacts_to<remove_logs>>;

/// The state of EXECUTOR_FILES.
struct executor_files_state {
  // -- constructors, destructors, and assignment operators --------------------

  explicit executor_files_state(executor_files_actor::pointer selfptr)
    : self(selfptr) {}

  // -- handlers ---------------------------------------------------------------

  proto::Reply read(const read_log& x) const;

  void remove(const remove_folders& x) const;

  old_logs find(const find_old_logs& x) const;

  /// Removes a part, and goes on when others had their turn.
  void remove_some(remove_logs& x) const;

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "executor_files";

  executor_files_actor::pointer self;

  attempt_paths paths;
};

/// Serves the files of a worker. Removes the folders of all earlier attempts
/// when it starts: nothing of them lives. It blocks on the disk: spawn with
/// `caf::detached` outside of tests.
/// @param self The actor itself.
/// @param paths Where the files are.
executor_files_actor::behavior_type executor_files(
  executor_files_actor::stateful_pointer<executor_files_state> self,
  attempt_paths paths);

/// Moves the folders of an earlier incarnation out of the way, so that they can
/// be removed while new ones are made.
void retire_attempt_folders(const attempt_paths& paths);

} // namespace coppice

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::read_log)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::remove_folders)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::find_old_logs)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::old_logs)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::remove_logs)

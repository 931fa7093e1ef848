// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/messages.hpp"
#include "actors/task_run.hpp"
#include "runtime/task/log_bounds.hpp"
#include "runtime/task/slot_pool.hpp"
#include "runtime/task/task_context.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace coppice {

/// What the EXECUTOR is told when it starts.
struct executor_options {
  // -- member types -----------------------------------------------------------

  using ms = std::chrono::milliseconds;

  // -- who it is --------------------------------------------------------------

  std::string node;
  uint64_t incarnation = 0;
  /// `cluster.name`.
  std::string cluster;
  /// `key=value` each.
  std::vector<std::string> labels;
  uint32_t slots = 1;
  /// The same slots, shared with the executors of other shards; made if null.
  std::shared_ptr<slot_pool> pool;
  /// Which shard it serves.
  uint32_t shard = 0;
  /// What it calls its first connection; one that was started again must not
  /// call any as the one before it did.
  uint64_t first_connection = 1;
  /// Where it keeps the files of its attempts.
  std::filesystem::path data_dir;

  // -- what it can run --------------------------------------------------------

  /// Kinds that are functions. "noop" and "sleep" are built in.
  std::vector<task_kind> kinds;
  /// Kinds that are something else, "exec" above all, see `exec_starter`.
  std::map<std::string, run_starter> starters;

  // -- its patience -----------------------------------------------------------

  /// How often it says something at least; at least three times per lease.
  ms keepalive{1'000};
  /// How long an attempt may take to stop before it is ended by force.
  ms term_grace{10'000};
  /// How long stopping the node may take, beyond *term_grace*.
  ms stop_slack{5'000};
  /// How long a manager may take to answer.
  ms answer_timeout{10'000};
  /// Pauses between vain tries to connect; they double.
  ms backoff_min{50};
  ms backoff_max{2'000};

  /// How long an attempt waits here for a slot before it is given back.
  ms slot_patience{200};

  // -- whom it tells ----------------------------------------------------------

  /// Called with the number of shards that a manager names.
  std::function<void(uint32_t)> on_shards = [](uint32_t) {};
  /// Called when it took a slot of the pool or gave one back.
  std::function<void()> on_slots = [] {};

  /// Called when it failed while exclusive attempts ran. It has told them to
  /// stop, and nobody sees whether they do.
  std::function<void()> on_lost_exclusive = [] {};

  // -- its disk ---------------------------------------------------------------

  /// Output of attempts that have ended; the rest is removed now and then.
  log_bounds logs;
  /// How often output is held against that.
  ms prune_interval{60'000};

  // -- for tests --------------------------------------------------------------

  /// A clock that goes on while the machine is suspended.
  std::function<std::chrono::nanoseconds()> boot_time;
  /// Of the jitter; 0: any.
  uint32_t seed = 0;
  /// Whether to do what blocks in threads of its own.
  bool threads = true;
};

} // namespace coppice

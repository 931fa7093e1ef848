// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "tests/process/trials/history.hpp"
#include "tests/process/trials/world.hpp"

#include <atomic>
#include <deque>
#include <random>
#include <string>
#include <thread>

namespace coppice::trial {

/// How far the faults are, for whoever goes along with them.
struct progress_of_faults {
  /// From 0 to 1.
  std::atomic<double> share = 0;
  /// The next one waits for more live tasks.
  std::atomic<bool> wants_load = false;
  std::atomic<bool> over = false;

  bool may_wait(double share_of_load) const {
    return !over && !wants_load && share_of_load > share + 0.08;
  }
};

/// One client that submits tasks from a thread of its own, cancels and retries
/// some, and has their products bound to one shard after the other.
class load {
public:
  load(world& where, const progress_of_faults& faults);

  /// Waits until everything is submitted.
  ~load();

  load(const load&) = delete;

  load& operator=(const load&) = delete;

  /// Waits until everything is submitted.
  /// @returns What was acknowledged.
  const history& finish();

private:
  void run();
  void submit_all(client& c);
  proto::TaskSpec make_spec();
  std::string some_product();
  void cancel(client& c, const std::string& id);
  void retry_some(client& c);
  void bind(client& c, const std::string& product, uint32_t shard);

  world& world_;
  const progress_of_faults& faults_;
  std::minstd_rand rng_;
  history history_;
  std::deque<std::string> to_retry_;
  std::thread thread_;
};

} // namespace coppice::trial

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "tests/process/trials/fault_plan.hpp"
#include "tests/process/trials/load.hpp"
#include "tests/process/trials/world.hpp"

#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace coppice::trial {

/// A kill counts as one under load with this many leases.
constexpr uint32_t under_load = 20;

/// Kills, freezes and cuts off who is in the way, as it was planned, and picks
/// whom and when by chance.
class faults {
public:
  struct figures {
    int kills = 0;
    int kills_under_load = 0;
    int freezes = 0;
    int losses = 0;
    int partitions = 0;
    /// Of all, those that were aimed at a leader.
    int on_leader = 0;
    /// From the end of a partition until all is as before.
    std::chrono::milliseconds longest_healing{0};
    /// What did not go on afterwards.
    std::vector<std::string> faults;
  };

  faults(world& where, progress_of_faults& progress);

  /// Does all that was planned, and says when it is over.
  void inject_all();

  const figures& done() const {
    return done_;
  }

private:
  void inject(const std::vector<fault>& plan);
  void inject(const fault& x, bool loaded);

  void kill(const fault& x);
  void freeze(const fault& x);
  void lose_data(const fault& x);
  void partition(const fault& x);

  /// Cuts the leader of some group off from all managers and workers, and half
  /// the time from clients, too.
  void cut_leader_off();

  /// Cuts a manager off from another one, in one direction or both.
  void cut_managers_apart();

  void cut_worker_off();

  void await_wholeness(const std::string& after);
  uint32_t leases() const;

  test::real_node& some_leader();
  test::real_node& some_manager();
  test::real_node& some_worker();
  /// Returns a number below *n*.
  size_t random(size_t n);

  world& world_;
  progress_of_faults& progress_;
  std::minstd_rand rng_;
  std::unique_ptr<client> client_;
  figures done_;
};

} // namespace coppice::trial

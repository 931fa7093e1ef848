// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/quarantine.hpp"
#include "tests/support/seeds.hpp"

#include <caf/test/unit_test.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <random>
#include <string>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

using standing = quarantine::standing;

constexpr size_t workers = 10;

/// Gives tasks to workers as a scheduler would. Some workers fail everything
/// fast, some tasks fail everywhere.
struct cluster {
  explicit cluster(uint32_t seed) : rng(seed), bad_nodes(rng() % 3) {
    // nop
  }

  /// Returns a new task, or one that failed and is tried again.
  uint64_t next_task() {
    if (retries.empty() || rng() % 2 == 0)
      return ++last_task;
    auto result = retries.front();
    retries.pop_front();
    return result;
  }

  void fail(const std::string& name, uint64_t task) {
    aut.failed({name, {1, 1, task}, 100ms, "why"}, workers, now);
    if (++tries[task] < 3)
      retries.push_back(task);
  }

  void give(size_t worker, uint64_t task) {
    auto name = "n" + std::to_string(worker);
    auto at = aut.judge(name, now);
    if (at == standing::closed || at == standing::on_trial)
      return;
    task_id id{1, 1, task};
    if (at == standing::trial_due) {
      aut.begin_trial(name, id);
      CAF_REQUIRE(aut.judge(name, now) == standing::on_trial);
    }
    if (worker < bad_nodes) {
      ++swallowed;
      fail(name, task);
    } else if (task % 10 == 0) {
      fail(name, task);
    } else if (rng() % 8 == 0) {
      aut.failed({name, id, 60s, "why"}, workers, now);
    } else {
      aut.succeeded(name);
    }
    if (aut.judge(name, now) == standing::on_trial)
      CAF_FAIL(name << " is on trial with an attempt that has ended");
  }

  void run() {
    for (auto step = 0; step < 5'000; ++step) {
      now += 100ms;
      give(rng() % workers, next_task());
      size_t closed = 0;
      for (size_t i = 0; i < workers; ++i)
        closed += aut.judge("n" + std::to_string(i), now) != standing::open;
      // Not a check for each step: the test engine prints them all.
      if (closed != aut.size() || closed > workers * 3 / 10)
        CAF_FAIL(closed << " are closed in step " << step);
      in_vain += closed;
    }
  }

  std::minstd_rand rng;
  size_t bad_nodes;
  quarantine aut{quarantine_limits{}};
  quarantine::time_point now{1'000h};
  uint64_t last_task = 0;
  std::deque<uint64_t> retries;
  std::map<uint64_t, int> tries;
  size_t swallowed = 0;
  size_t in_vain = 0;
};

} // namespace

CAF_TEST(bad nodes swallow little and bad tasks close no good node for long) {
  for (auto seed : test::seeds(100)) { // COPPICE_SEED=<n> replays one.
    CAF_MESSAGE("seed " << seed);
    cluster x{seed};
    x.run();
    // Without quarantine it would be about 500 for each. Of the time
    // of ten workers, 50 000 steps, bad tasks cost less than that of
    // two.
    CAF_REQUIRE(x.swallowed <= 60 * x.bad_nodes);
    if (x.bad_nodes == 0)
      CAF_REQUIRE(x.in_vain < 7'500);
  }
}

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/dispatcher.hpp"
#include "tests/runtime/task/memory_queue.hpp"
#include "tests/support/seeds.hpp"

#include <caf/test/unit_test.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

using namespace coppice;

namespace {

using strings = std::vector<std::string>;

/// What a class asks for and what a worker has: kinds and labels.
struct needs {
  std::string kind;
  strings rules;
  uint32_t weight = 1;
};

const std::map<uint32_t, needs> classes{{1, {"exec", {}, 1}},
                                        {2, {"exec", {"gpu=yes"}, 2}},
                                        {3, {"sleep", {"zone!=a"}, 1}},
                                        {4, {"resize", {}, 3}}};

/// Drives a dispatcher and a naive model of it with the same random input.
struct model {
  struct worker {
    strings kinds;
    strings labels;
    uint32_t total = 0;
    uint32_t offered = 0;
    uint32_t reserved = 0;
  };

  struct flight {
    uint32_t task_class;
    queue_position at;
    worker_key worker;
  };

  explicit model(uint32_t seed) : rng(seed) {
    for (auto& [number, x] : classes)
      aut.define_class(number, x.kind, x.rules, x.weight);
  }

  uint32_t dice(uint32_t n) {
    return static_cast<uint32_t>(rng() % n);
  }

  // -- the rules, as plain as can be ------------------------------------------

  bool can_run(const worker& w, uint32_t task_class) const {
    auto& x = classes.at(task_class);
    auto has = [](const strings& xs, const std::string& s) {
      return std::find(xs.begin(), xs.end(), s) != xs.end();
    };
    if (!has(w.kinds, x.kind))
      return false;
    if (task_class == 2)
      return has(w.labels, "gpu=yes");
    return task_class != 3 || !has(w.labels, "zone=a");
  }

  bool fits(const worker& w, uint32_t task_class) const {
    return w.offered >= w.reserved + classes.at(task_class).weight;
  }

  /// The first task of the pair that is not in flight.
  std::optional<queue_position> first(uint32_t product, uint32_t task_class) {
    for (auto& at : queue.waiting[{product, task_class}])
      if (!flights.count({product, at.epoch, at.sequence}))
        return at;
    return std::nullopt;
  }

  /// Whether any waiting task could run on *w*.
  /// @param now With the slots that are free at the moment.
  bool wanted(const worker& w, bool now) {
    for (auto& [key, tasks] : queue.waiting)
      if (can_run(w, key.second) && (!now || fits(w, key.second))
          && first(key.first, key.second))
        return true;
    return false;
  }

  /// Whether *w* may be saved for a task that takes more than it has now.
  bool may_be_saved(const worker& w) {
    for (auto& [key, tasks] : queue.waiting)
      if (can_run(w, key.second) && !fits(w, key.second)
          && w.total >= classes.at(key.second).weight
          && first(key.first, key.second))
        return true;
    return false;
  }

  // -- steps ------------------------------------------------------------------

  void enqueue(uint32_t product, uint32_t task_class, queue_position at) {
    queue.waiting[{product, task_class}].insert(at);
    aut.mark_ready(product, task_class, at);
  }

  void submit() {
    auto task_class = 1 + dice(4);
    if (dice(4) == 0) {
      if (auto claimed = aut.claim(task_class)) {
        auto& w = workers.at(*claimed);
        CAF_REQUIRE(fits(w, task_class) && can_run(w, task_class)
                    && !wanted(w, false));
        auto granted = dice(3) > 0;
        w.offered -= granted ? classes.at(task_class).weight : 0;
        aut.claim_settled(task_class, *claimed, granted);
        return;
      }
    }
    enqueue(1 + dice(6), task_class,
            {static_cast<int>(dice(5)) - 2, 1 + dice(2), ++sequence});
  }

  void offer() {
    worker_key key{"n" + std::to_string(dice(5)), 1};
    auto& w = workers[key];
    w.kinds.clear();
    w.labels.clear();
    for (auto* kind : {"exec", "sleep", "resize"})
      if (dice(3) > 0)
        w.kinds.push_back(kind);
    for (auto* label : {"gpu=yes", "zone=a"})
      if (dice(2) > 0)
        w.labels.push_back(label);
    w.offered = w.total = dice(6);
    std::shuffle(w.kinds.begin(), w.kinds.end(), rng);
    aut.offer(key, w.kinds, w.labels, w.offered);
  }

  void withdraw() {
    worker_key key{"n" + std::to_string(dice(5)), 1};
    if (auto i = workers.find(key); i != workers.end()) {
      i->second.offered = 0;
      i->second.kinds.clear();
    }
    aut.withdraw(key);
  }

  void settle() {
    if (flights.empty())
      return;
    auto i
      = std::next(flights.begin(), dice(static_cast<uint32_t>(flights.size())));
    auto [id, x] = *i;
    auto granted = dice(3) > 0;
    auto& w = workers.at(x.worker);
    auto weight = classes.at(x.task_class).weight;
    w.reserved -= weight;
    if (granted)
      w.offered -= std::min(w.offered, weight);
    if (granted || dice(2) == 0) // Or it was cancelled meanwhile.
      queue.waiting[{id.product, x.task_class}].erase(x.at);
    flights.erase(i);
    aut.settled(id, granted);
    if (granted && dice(3) == 0) // It failed and is tried again.
      enqueue(id.product, x.task_class, x.at);
  }

  void cancel() {
    for (auto& [key, tasks] : queue.waiting) {
      if (tasks.empty() || dice(4) > 0)
        continue;
      tasks.erase(
        std::next(tasks.begin(), dice(static_cast<uint32_t>(tasks.size()))));
    }
  }

  void pick(size_t limit) {
    auto picks = aut.pick_all(queue, limit);
    CAF_REQUIRE(picks.size() <= limit);
    for (auto& x : picks) {
      // First of its pair, so priority order; and never one in flight.
      auto at = first(x.id.product, x.task_class);
      CAF_REQUIRE(at.has_value());
      CAF_REQUIRE_EQUAL(at->sequence, x.id.sequence);
      CAF_REQUIRE_EQUAL(at->epoch, x.id.epoch);
      auto& w = workers.at(x.worker);
      CAF_REQUIRE(fits(w, x.task_class) && can_run(w, x.task_class));
      w.reserved += classes.at(x.task_class).weight;
      flights[x.id] = {x.task_class, *at, x.worker};
    }
    if (picks.size() < limit) {
      // Nothing is missed: who has slots has nothing to run, but one worker at
      // most that is saved.
      auto saved = 0;
      for (auto& [key, w] : workers)
        if (wanted(w, true)) {
          CAF_REQUIRE(may_be_saved(w));
          ++saved;
        }
      CAF_REQUIRE(saved <= 1);
    }
    CAF_REQUIRE_EQUAL(aut.in_flight(), flights.size());
  }

  void step() {
    switch (dice(8)) {
      case 0:
      case 1:
      case 2:
        return submit();
      case 3:
        return offer();
      case 4:
        return dice(6) == 0 ? withdraw() : settle();
      case 5:
        return dice(4) == 0 ? cancel() : settle();
      case 6:
        return pick(dice(12));
      default:
        return settle();
    }
  }

  /// Gives all the slots there can be until nothing waits.
  void drain() {
    for (auto round = 0; round < 10'000; ++round) {
      worker_key key{"last", 1};
      auto& w = workers[key];
      w.kinds = {"exec", "sleep", "resize"};
      w.labels = {"gpu=yes"};
      w.offered = w.total = w.reserved + 3;
      aut.offer(key, w.kinds, w.labels, w.offered);
      pick(100);
      if (flights.empty())
        break;
      while (!flights.empty())
        settle();
    }
    for (auto& [key, tasks] : queue.waiting)
      CAF_REQUIRE(tasks.empty());
    CAF_REQUIRE_EQUAL(aut.ready_pairs(), 0u);
    uint64_t sum = 0;
    for (auto& [key, w] : workers)
      sum += w.offered;
    CAF_REQUIRE_EQUAL(aut.free_slots(), sum);
  }

  std::minstd_rand rng;
  dispatcher aut;
  test::memory_queue queue;
  std::map<worker_key, worker> workers;
  std::map<task_id, flight> flights;
  uint64_t sequence = 0;
};

} // namespace

CAF_TEST(random input leads to the picks that the rules allow) {
  for (auto seed : test::seeds(300)) { // COPPICE_SEED=<n> replays one.
    CAF_MESSAGE("seed " << seed);
    model x{seed};
    for (auto step = 0; step < 1'000; ++step)
      x.step();
    x.drain();
  }
}

CAF_TEST(products with work differ by one task at most) {
  for (auto seed : test::seeds(200)) {
    CAF_MESSAGE("seed " << seed);
    std::minstd_rand rng{seed};
    dispatcher aut;
    test::memory_queue queue;
    aut.define_class(1, "exec", {});
    uint64_t sequence = 0;
    uint64_t incarnation = 0;
    std::map<uint32_t, size_t> counts;
    auto products = static_cast<uint32_t>(2 + rng() % 6);
    for (uint32_t product = 1; product <= products; ++product) {
      counts[product] = 0;
      for (auto n = 200 + rng() % 200; n > 0; --n) {
        queue_position at{static_cast<int>(rng() % 3), 1, ++sequence};
        queue.waiting[{product, 1}].insert(at);
        aut.mark_ready(product, 1, at);
      }
    }
    // As long as nobody has run dry, whatever the slots and the limits are.
    while (counts[1] < 190) {
      aut.offer({"n", ++incarnation}, {"exec"}, {}, rng() % 7);
      for (auto& pick : aut.pick_all(queue, 1 + rng() % 5)) {
        ++counts[pick.id.product];
        auto [low, high] = std::minmax_element(
          counts.begin(), counts.end(),
          [](auto& x, auto& y) { return x.second < y.second; });
        CAF_REQUIRE(high->second - low->second <= 1);
        if (rng() % 2 == 0)
          continue;
        std::erase_if(queue.waiting[{pick.id.product, 1}],
                      [&](auto& x) { return x.sequence == pick.id.sequence; });
        aut.settled(pick.id, true);
      }
    }
  }
}

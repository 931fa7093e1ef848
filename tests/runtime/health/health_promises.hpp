// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "tests/runtime/health/durable_rows.hpp"
#include "tests/runtime/health/simulated_node.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <set>
#include <string>
#include <utility>

namespace coppice::test {

using namespace std::chrono_literals;

/// Watches what is promised of the protocol, and keeps the first promise that
/// was broken. It knows the truth.
class health_promises {
public:
  using time_point = simulated_node::time_point;

  /// The promises were put to the test so often.
  struct tally {
    size_t deaths = 0;
    size_t verdicts = 0;
    size_t proofs = 0;
    size_t held = 0;
    size_t stalls = 0;
    size_t gaps = 0;

    tally& operator+=(const tally& x) {
      deaths += x.deaths;
      verdicts += x.verdicts;
      proofs += x.proofs;
      held += x.held;
      stalls += x.stalls;
      gaps += x.gaps;
      return *this;
    }
  };

  void broken(const std::string& promise) {
    if (violation.empty())
      violation = promise;
  }

  /// The leader is about to declare *x* down for its silence.
  void silent(const simulated_centre& c, const simulated_node& x,
              const worker_key& who, time_point now) {
    ++counts.verdicts;
    auto is_heard = x.start() == who && x.is_well() && !x.leaving
                    && x.term == c.term && now - x.well_since >= 2'500ms;
    if (is_heard)
      broken(x.name + " is healthy and was judged to be down");
    if (c.list.book().brake().engaged())
      return;
    while (!verdicts_.empty() && verdicts_.front().first <= now - 3s)
      verdicts_.pop_front();
    verdicts_.emplace_back(now, who);
    std::set<worker_key> all;
    for (auto& [at, start] : verdicts_)
      all.insert(start);
    auto watched = c.list.book().size() + all.size();
    if (all.size() > 1 && all.size() * 100 > 30 * watched)
      broken(std::to_string(all.size()) + " nodes at once were judged down");
  }

  /// All silence counts anew.
  void observer_began() {
    verdicts_.clear();
  }

  /// A new connection to *who* was refused.
  void refused(const simulated_node& x, const worker_key& who) {
    ++counts.proofs;
    if (x.start() == who && x.alive)
      broken(x.name + " lives and was proven dead");
  }

  /// *x* is not well since *died*, which is longer than it may go unnoticed.
  void overdue(const simulated_centre& c, const simulated_node& x,
               const worker_key& who, time_point died) {
    auto is_back = x.start() != who || x.is_well() || x.well_since > died;
    if (is_back || disturbed >= died || c.frozen)
      return;
    ++counts.deaths;
    auto* row = c.list.table().find(x.name);
    if (row && row->start == who && row->state == node_state::healthy)
      broken(x.name + " is dead and nobody noticed");
  }

  /// A cache got *changes*: it says only what the list once said, nothing of it
  /// is older than its version, and nothing that it was told is undone.
  void cached(simulated_node& x, const node_changes& changes,
              const durable_rows& rows) {
    if (x.cache.version() < x.version)
      broken(x.name + "'s version went back");
    if (x.cache.version().epoch != x.version.epoch)
      x.told.clear();
    x.version = x.cache.version();
    counts.gaps += x.cache.has_gap() ? 1 : 0;
    auto epoch = rows.version().epoch;
    if (x.version.epoch != epoch)
      return;
    for (auto& entry : x.cache.rows())
      if (!rows.was_there(entry))
        broken(x.name + " knows what never was of " + entry.start.node);
    for (auto& name : rows.nodes())
      check_age(x, name, rows);
    if (changes.version.epoch == epoch)
      for (auto& entry : changes.entries)
        x.told[entry.start.node]
          = std::max(x.told[entry.start.node], entry.changed);
    for (auto& [name, version] : x.told)
      check_told(x, name, version, rows);
  }

  /// All has been quiet for a while.
  void settled(const simulated_centre& c, const simulated_node& x,
               time_point now) {
    auto* row = c.list.table().find(x.name);
    auto is_healthy = row && row->state == node_state::healthy;
    if (is_healthy != x.alive || (is_healthy && row->start != x.start()))
      broken("the list is wrong about " + x.name);
    if (!x.alive)
      return;
    if (x.cache.version() != c.list.table().version())
      broken(x.name + "'s version has not converged");
    for (auto& entry : c.list.table().rows())
      if (!x.cache.find(entry.start.node)
          || *x.cache.find(entry.start.node) != entry)
        broken(x.name + " has not converged on " + entry.start.node);
    if (x.cache.rows().size() != c.list.table().rows().size())
      broken(x.name + " knows nodes that are not there");
    if (x.cache.age(now).value_or(1h) > 2s)
      broken(x.name + "'s view is old");
  }

  std::string violation;
  tally counts;
  /// When the observer was last not healthy, or held verdicts back.
  time_point disturbed;

private:
  void check_age(const simulated_node& x, const std::string& name,
                 const durable_rows& rows) {
    auto* truth = rows.row_of(name, x.version);
    auto* known = x.cache.find(name);
    auto is_old = truth && known && known->changed < truth->changed;
    auto is_ghost = !truth && known && known->changed <= x.version;
    if (is_old || is_ghost)
      broken(x.name + "'s view of " + name + " is older than it says");
  }

  void check_told(const simulated_node& x, const std::string& name,
                  list_version version, const durable_rows& rows) {
    auto* known = x.cache.find(name);
    auto is_kept
      = known ? known->changed >= version : rows.was_forgotten(name, version);
    if (!is_kept)
      broken(x.name + " was told of " + name + " and it was undone");
  }

  /// Not held, of the last limit.
  std::deque<std::pair<time_point, worker_key>> verdicts_;
};

} // namespace coppice::test

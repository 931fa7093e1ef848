// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/health/node_cache.hpp"
#include "runtime/health/node_list.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace coppice::test {

/// What can stand still: what it gets meanwhile waits.
struct freezer {
  bool frozen = false;
  std::vector<std::function<void()>> inbox;

  void deliver(std::function<void()> what) {
    if (frozen)
      inbox.push_back(std::move(what));
    else
      what();
  }

  void thaw() {
    frozen = false;
    auto waiting = std::exchange(inbox, {});
    for (auto& what : waiting)
      what();
  }
};

/// The leader of one term. It may not know that it leads no more.
struct simulated_centre : freezer {
  simulated_centre(uint64_t number, node_table table,
                   const health_limits& limits, const brake_limits& brake,
                   node_list::time_point now)
    : term(number),
      list(std::move(table), limits, brake, now),
      pushed(list.table().version()) {
    // nop
  }

  uint64_t term;
  node_list list;
  /// What subscribers were told last.
  list_version pushed;
};

/// A node with its state monitor.
struct simulated_node : freezer {
  using time_point = node_cache::time_point;

  explicit simulated_node(std::string id)
    : name(std::move(id)),
      cache(fresh_cache()) {
    // nop
  }

  static node_cache fresh_cache() {
    using namespace std::chrono_literals;
    return {"blue", cache_limits{10s, 500ms}};
  }

  worker_key start() const {
    return {name, incarnation};
  }

  /// It could be heard by whom it believes to lead.
  bool is_well() const {
    return alive && !frozen && !cut;
  }

  std::string name;
  uint64_t incarnation = 0;
  bool alive = false;
  bool cut = false;
  /// It was told to stop, and said that it leaves.
  bool leaving = false;
  /// Since when it is well and knows the leader.
  time_point well_since;
  /// The term of the leader that it speaks to.
  uint64_t term = 0;
  /// So many keep-alives in a row were lost.
  int lost = 0;
  node_cache cache;
  list_version version;
  /// What it was told of each node in this epoch, whatever came of it.
  std::map<std::string, list_version> told;
  /// On its disk.
  std::vector<node_entry> saved;
  list_version saved_version;
};

} // namespace coppice::test

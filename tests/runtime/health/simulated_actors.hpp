// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/health/node_rules.hpp"
#include "tests/runtime/health/durable_rows.hpp"
#include "tests/runtime/health/health_promises.hpp"
#include "tests/runtime/health/simulated_network.hpp"
#include "tests/runtime/health/simulated_node.hpp"
#include "tests/runtime/health/simulated_time.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace coppice::test {

/// State monitors and information centres, in one thread, that carry out what
/// the pure parts say.
class simulated_actors {
public:
  using time_point = simulated_time::time_point;
  using node = simulated_node;
  using centre = simulated_centre;

  explicit simulated_actors(uint32_t seed) : time(seed) {}

  centre& leader() {
    return *centres.back();
  }

  // -- member variables -------------------------------------------------------

  static constexpr health_limits limits{3s};
  static constexpr brake_limits brake{30, 1, 6s};

  simulated_time time;
  simulated_network network{time};
  durable_rows rows;
  std::vector<std::unique_ptr<node>> nodes;
  std::vector<std::unique_ptr<centre>> centres;
  health_promises promises;

protected:
  // -- network ----------------------------------------------------------------

  centre& centre_of(const node& x) {
    return *centres.at(x.term - centres.front()->term);
  }

  void to_centre(node& x, std::function<void(centre&)> what) {
    network.to_centre(x, centre_of(x), std::move(what));
  }

  // -- state monitor ----------------------------------------------------------

  void beat(node& x, const worker_key& who) {
    if (!x.alive || x.start() != who)
      return;
    time.after(600ms, [this, &x, who] { beat(x, who); });
    if (x.frozen || x.leaving)
      return;
    network.beat(
      x, centre_of(x), [this, &x, who, asked = time.now()](centre& c) {
        auto said = c.list.heard(who, time.now());
        auto version = c.list.table().version();
        network.to_node(x, [this, who, asked, said, version](node& y) {
          answered(y, who, asked, said, version);
        });
      });
  }

  void answered(node& x, const worker_key& who, time_point asked,
                admission said, list_version version) {
    if (x.start() != who)
      return;
    if (said == admission::known) {
      x.cache.confirmed(version, asked);
    } else if (said == admission::fresh) {
      to_centre(x, [this, who](centre& c) {
        write(c, who.node,
              [who](auto* row) { return registered(row, who, "card"); });
      });
    } else if (!x.leaving) {
      promises.broken(who.node + " was told that it is over");
    }
  }

  void poll(node& x, const worker_key& who) {
    if (!x.alive || x.start() != who)
      return;
    time.after(200ms, [this, &x, who] { poll(x, who); });
    if (x.frozen || !x.cache.query_due(time.now()))
      return;
    to_centre(
      x, [this, &x, since = x.cache.version(), asked = time.now()](centre& c) {
        auto changes = c.list.table().since(since);
        network.to_node(x, [this, changes, asked](node& y) {
          apply(y, changes);
          y.cache.confirmed(changes.version, asked);
        });
      });
  }

  void apply(node& x, const node_changes& changes) {
    x.cache.apply(changes);
    promises.cached(x, changes, rows);
    x.saved = x.cache.rows();
    x.saved_version = x.cache.version();
  }

  // -- information centre -----------------------------------------------------

  void tick(centre& c) {
    // A leader that was superseded goes on for a while.
    if (c.term + 2 < rows.term())
      return;
    time.after(100ms + time.pause(0, 20), [this, &c] { tick(c); });
    if (!c.frozen)
      judge(c);
  }

  void judge(centre& c) {
    auto& book = c.list.book();
    auto stalls = book.clock().stalls();
    auto told = c.list.tick(time.now());
    if (c.term != rows.term()) {
      // Its commands are refused.
      for (auto& who : told)
        declare_down(c, who, down_cause::silent);
      return;
    }
    if (book.clock().stalls() > stalls) {
      ++promises.counts.stalls;
      promises.observer_began();
    }
    if (book.brake().engaged()) {
      promises.disturbed = time.now();
      ++promises.counts.held;
    }
    for (auto& who : told) {
      promises.silent(c, find(who.node), who, time.now());
      declare_down(c, who, down_cause::silent);
    }
  }

  void refused(centre& c, node& x, const worker_key& who) {
    if (!c.list.refused(who, time.now()))
      return;
    promises.refused(x, who);
    declare_down(c, who, down_cause::refused);
  }

  void declare_down(centre& c, const worker_key& who, down_cause cause) {
    write(c, who.node,
          [who, cause](auto* row) { return down(row, who, cause); });
  }

  node& find(const std::string& name) {
    return *nodes.at(std::stoul(name.substr(1)));
  }

  /// Makes a change durable, then known to the leader, then to subscribers.
  void write(centre& c, const std::string& name,
             std::function<std::optional<node_entry>(const node_entry*)> rule) {
    time.after(time.pause(1, 30), [this, &c, name, rule] {
      // The state machine goes by its own rows, not by the leader's.
      auto row = rule(rows.find(name));
      if (!row)
        return;
      if (auto durable = rows.commit(c.term, *row))
        c.deliver([this, &c, row = *durable] { put(c, row); });
    });
  }

  void put(centre& c, const node_entry& row) {
    c.list.put(row, time.now());
    auto changes = c.list.table().since(c.pushed);
    c.pushed = changes.version;
    for (auto& x : nodes)
      network.to_node(*x, [this, changes](node& y) { apply(y, changes); });
  }
};

} // namespace coppice::test

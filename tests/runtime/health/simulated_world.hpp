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

/// A cluster in one thread that carries out what the pure parts say, on a
/// network that loses, delays, doubles and reorders.
class simulated_world {
public:
  using time_point = simulated_time::time_point;
  using node = simulated_node;
  using centre = simulated_centre;

  simulated_world(uint32_t seed, size_t size) : time(seed) {
    for (size_t i = 0; i < size; ++i)
      nodes.push_back(std::make_unique<node>("n" + std::to_string(i)));
    lead();
    for (auto& x : nodes)
      start(*x);
  }

  // -- life of nodes ----------------------------------------------------------

  void start(node& x) {
    ++x.incarnation;
    x.alive = true;
    x.leaving = false;
    x.frozen = false;
    x.inbox.clear();
    x.cache = node::fresh_cache();
    x.cache.load(x.saved, x.saved_version, 1s, time.now());
    x.version = x.saved_version;
    x.told.clear();
    x.term = rows.term();
    x.well_since = time.now();
    time.after(time.pause(0, 600),
               [this, &x, who = x.start()] { beat(x, who); });
    time.after(time.pause(0, 200),
               [this, &x, who = x.start()] { poll(x, who); });
  }

  /// Its process ends. The leader may notice that the connection breaks.
  void kill(node& x) {
    if (!x.alive)
      return;
    fell_silent(x);
    x.alive = false;
    if (!x.cut && time.chance(50))
      break_link(x, true);
  }

  void leave(node& x) {
    if (!x.is_well() || x.leaving)
      return;
    x.leaving = true;
    to_centre(x, [this, who = x.start()](centre& c) {
      write(c, who.node, [who](auto* row) { return left(row, who); });
    });
    time.after(time.pause(0, 100), [this, &x, who = x.start()] {
      if (x.start() == who)
        kill(x);
    });
  }

  void freeze(node& x, std::chrono::milliseconds pause) {
    if (!x.alive || x.frozen)
      return;
    fell_silent(x);
    x.frozen = true;
    time.after(pause, [this, &x, who = x.start()] {
      if (x.start() != who || !x.frozen || !x.alive)
        return;
      x.thaw();
      is_back(x);
    });
  }

  void cut(node& x, std::chrono::milliseconds pause) {
    if (x.cut)
      return;
    fell_silent(x);
    x.cut = true;
    time.after(pause, [this, &x] {
      x.cut = false;
      is_back(x);
    });
  }

  /// The leader's connection to *x* breaks, and it dials again.
  void break_link(node& x, bool is_dead) {
    auto& c = leader();
    time.after(time.pause(0, 30), [this, &c, &x, who = x.start(), is_dead] {
      c.deliver([this, &c, &x, who, is_dead] {
        if (!c.list.link_lost(who) || !is_dead)
          return;
        time.after(time.pause(0, 20), [this, &c, &x, who] {
          c.deliver([this, &c, &x, who] { refused(c, x, who); });
        });
      });
    });
  }

  // -- life of leaders --------------------------------------------------------

  /// Another manager takes the lead; the one before may find out later.
  void lead() {
    rows.elect();
    make_leader();
  }

  void restore(uint64_t lost) {
    rows.restore(lost);
    make_leader();
  }

  void freeze_leader(std::chrono::milliseconds pause) {
    auto& c = leader();
    if (c.frozen)
      return;
    promises.disturbed = time.now();
    c.frozen = true;
    time.after(pause, [this, &c] {
      promises.disturbed = time.now();
      // Which it does first is up to its scheduler.
      if (time.chance(50)) {
        c.frozen = false;
        judge(c);
      }
      c.thaw();
    });
  }

  centre& leader() {
    return *centres.back();
  }

  void forget(const std::string& name) {
    write(leader(), name, [](auto* row) { return forgotten(row); });
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

private:
  /// Nobody will hear *x* from now on.
  void fell_silent(node& x) {
    // The keep-alive limit and a tenth, after a message that was on its way.
    time.after(3'300ms + 250ms, [this, &x, who = x.start(), died = time.now()] {
      promises.overdue(leader(), x, who, died);
    });
  }

  void is_back(node& x) {
    if (x.is_well())
      x.well_since = time.now();
  }

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

  void make_leader() {
    promises.disturbed = time.now();
    promises.observer_began();
    centres.push_back(std::make_unique<centre>(rows.term(), rows.table("blue"),
                                               limits, brake, time.now()));
    tick(leader());
    for (auto& x : nodes)
      time.after(time.pause(0, 500), [this, &y = *x, term = rows.term()] {
        y.term = std::max(y.term, term);
        y.well_since = std::max(y.well_since, time.now());
        y.cache.centre_found();
      });
  }

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

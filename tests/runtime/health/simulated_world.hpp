// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "tests/runtime/health/simulated_actors.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>

namespace coppice::test {

/// A cluster, and what can happen to it.
class simulated_world : public simulated_actors {
public:
  simulated_world(uint32_t seed, size_t size) : simulated_actors(seed) {
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

  void forget(const std::string& name) {
    write(leader(), name, [](auto* row) { return forgotten(row); });
  }

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
};

} // namespace coppice::test

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/runtime/health/simulated_world.hpp"
#include "tests/support/seeds.hpp"

#include <caf/test/unit_test.hpp>

#include <chrono>
#include <cstdlib>
#include <string>

using namespace coppice;
using namespace coppice::test;

namespace {

struct chaos {
  chaos(uint32_t seed, size_t size) : world(seed, size) {
    // nop
  }

  simulated_node& some_node() {
    return *world.nodes[time.dice(static_cast<uint32_t>(world.nodes.size()))];
  }

  /// Many nodes cannot be heard for a while, as if a switch had failed.
  void cut_many() {
    auto pause = time.pause(1'000, 8'000);
    for (auto& x : world.nodes)
      if (time.chance(60))
        world.cut(*x, pause);
  }

  void step() {
    auto& x = some_node();
    switch (time.dice(16)) {
      case 0:
      case 1:
        return world.kill(x);
      case 2:
        return world.freeze(x, time.pause(100, 8'000));
      case 3:
        return world.cut(x, time.pause(100, 8'000));
      case 4:
        return world.leave(x);
      case 5:
        return world.break_link(x, false);
      case 6:
        return time.chance(30) ? world.lead() : world.forget(x.name);
      case 7:
        return time.chance(30) ? world.freeze_leader(time.pause(100, 12'000))
                               : world.forget(x.name);
      case 8:
        if (time.chance(15))
          cut_many();
        return;
      case 9:
        if (time.chance(10))
          world.restore(time.dice(8));
        return;
      default:
        if (!x.alive)
          world.start(x);
    }
  }

  void run() {
    auto end = time.now() + 40s;
    while (time.now() < end && world.promises.violation.empty()) {
      step();
      time.run_until(time.now() + time.pause(50, 1'200));
    }
    settle();
  }

  /// All that is broken heals; what is dead stays so.
  void settle() {
    world.network.is_bad = false;
    time.run_until(time.now() + 32s);
    for (auto& x : world.nodes)
      world.promises.settled(world.leader(), *x, time.now());
  }

  simulated_world world;
  simulated_time& time = world.time;
};

} // namespace

CAF_TEST(the list and its caches keep their promises) {
  health_promises::tally all;
  for (auto seed : test::seeds(300)) { // COPPICE_SEED=<n> replays one.
    chaos x{seed, 3 + seed % 10};
    x.run();
    if (!x.world.promises.violation.empty())
      CAF_FAIL("COPPICE_SEED=" << seed << ": " << x.world.promises.violation);
    all += x.world.promises.counts;
  }
  CAF_MESSAGE(all.deaths << " deaths, " << all.verdicts << " verdicts, "
                         << all.proofs << " proofs, " << all.held << " held, "
                         << all.stalls << " stalls, " << all.gaps << " gaps");
  if (std::getenv("COPPICE_SEED"))
    return;
  // Else nothing was put to the test.
  CAF_CHECK(all.deaths > 300 && all.verdicts > 300 && all.proofs > 300);
  CAF_CHECK(all.held > 300 && all.stalls > 100 && all.gaps > 300);
}

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/cluster/seed_count.hpp"
#include "tests/cluster/world.hpp"
#include "tests/support/seeds.hpp"

#include <caf/test/unit_test.hpp>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

replica_options three(uint32_t trailing) {
  replica_options x;
  x.trailing_entries = trailing;
  x.election_timeout = 200ms;
  x.heartbeat = 20ms;
  return x;
}

struct group : test::world {
  explicit group(uint32_t seed, uint32_t trailing = 100)
    : world(seed, 3, three(trailing)) {
    // nop
  }

  test::simulated_member& leader() {
    for (auto i = 0; i < 100 && !ready_leader(); ++i)
      run_for(20ms);
    CAF_REQUIRE(ready_leader());
    return *ready_leader();
  }

  void acknowledge_one(test::simulated_member& x) {
    auto before = checks.acknowledged();
    propose(x);
    run_for(100ms);
    CAF_REQUIRE_EQUAL(checks.acknowledged(), before + 1);
  }

  /// Cuts *x* off and stops its clock, so that it goes on to believe.
  void freeze(test::simulated_member& x) {
    for (auto& y : members()) {
      network.cut(x.id(), y.id());
      network.cut(y.id(), x.id());
    }
    x.busy_until = now + 1h;
  }

  test::simulated_member& another_than(const test::simulated_member& x) {
    return members()[x.id() % 3]; // The ids are 1 to 3.
  }
};

} // namespace

CAF_TEST(a leader that was cut off answers no read when a voter restarts) {
  for (auto seed : test::seeds(test::seed_count(200))) {
    CAF_MESSAGE("COPPICE_SEED=" << seed);
    group aut{seed};
    auto& old = aut.leader();
    aut.acknowledge_one(old);
    aut.freeze(old);
    // It forgets that it has a leader, and so may vote at once.
    aut.crash(aut.another_than(old), 0ms);
    aut.run_for(1s);
    auto i
      = std::find_if(aut.members().begin(), aut.members().end(), [&](auto& x) {
          return &x != &old && x.aut->ready_to_lead();
        });
    CAF_REQUIRE(i != aut.members().end());
    aut.acknowledge_one(*i);
    // Now the old leader is asked before it looks at its clock.
    CAF_REQUIRE(old.aut->ready_to_lead());
    auto barrier = old.aut->propose_barrier();
    CAF_REQUIRE(barrier);
    auto lost = false;
    auto applied = old.tables.applied().index;
    for (auto n = 0; n < 100 && !lost; ++n) {
      auto ended = old.aut->finish_turn(aut.now, [](peer_message&&) {});
      CAF_REQUIRE(ended);
      CAF_CHECK(old.aut->next_committed(1000).value().empty());
      CAF_CHECK(ended.value().commit_index < barrier.value().index);
      lost = ended.value().leadership_lost;
      CAF_CHECK_EQUAL(old.aut->ready_to_lead(), !lost);
      CAF_REQUIRE(old.aut->tick(aut.now));
      aut.now += 10ms;
    }
    CAF_CHECK(lost);
    // Back again it drops what it took, and has what the others have.
    old.busy_until = aut.now;
    aut.heal();
    aut.run_for(2s);
    CAF_CHECK(aut.converged());
    CAF_CHECK(old.tables.applied().index > applied);
    aut.checks.check_converged(aut.members());
  }
}

CAF_TEST(the lead is handed over without an election timeout) {
  for (auto seed : test::seeds(test::seed_count(100))) {
    CAF_MESSAGE("COPPICE_SEED=" << seed);
    group aut{seed};
    auto& old = aut.leader();
    aut.acknowledge_one(old);
    auto& heir = aut.another_than(old);
    CAF_REQUIRE(old.aut->transfer(heir.id(), aut.now));
    CAF_CHECK(!old.aut->propose("x"));
    CAF_CHECK(!old.aut->ready_to_lead());
    aut.run_for(100ms);
    CAF_CHECK(heir.aut->ready_to_lead());
    CAF_CHECK_EQUAL(old.aut->leader(), heir.id());
    aut.acknowledge_one(heir);
  }
}

CAF_TEST(a follower that the log no longer reaches says so) {
  group aut{1, 0};
  auto& leader = aut.leader();
  aut.acknowledge_one(leader);
  auto& behind = aut.another_than(leader);
  aut.crash(behind, 1h);
  aut.network.cut(leader.id(), behind.id()); // Nothing waits in its inbox.
  aut.acknowledge_one(leader);
  aut.acknowledge_one(leader);
  CAF_REQUIRE(leader.aut->trim(leader.aut->delivered_index(), aut.now));
  aut.run_for(100ms);
  CAF_CHECK(leader.disk.first_index() > behind.disk.last_index() + 1);
  aut.heal();
  aut.run_for(1s);
  auto& offer = behind.missing_snapshot;
  CAF_REQUIRE(offer);
  CAF_CHECK_EQUAL(offer->leader, leader.id());
  CAF_CHECK(offer->last.index > behind.tables.applied().index);
}

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
  explicit group(uint32_t seed, uint32_t trailing = 100, uint64_t newcomers = 0)
    : world(seed, 3, three(trailing), newcomers) {
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
    aut.checks.check_converged(aut.in_group());
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

CAF_TEST(a follower that the log no longer reaches gets the tables) {
  for (auto seed : test::seeds(test::seed_count(100))) {
    CAF_MESSAGE("COPPICE_SEED=" << seed);
    group aut{seed, 0};
    auto& leader = aut.leader();
    aut.acknowledge_one(leader);
    auto& behind = aut.another_than(leader);
    aut.crash(behind, 1h);
    aut.network.cut(leader.id(), behind.id()); // Nothing waits in its inbox.
    aut.acknowledge_one(leader);
    aut.acknowledge_one(leader);
    aut.flush(leader);
    aut.run_for(100ms);
    CAF_REQUIRE(leader.disk.first_index() > behind.disk.last_index() + 1);
    aut.heal();
    aut.run_for(1s);
    CAF_CHECK_EQUAL(behind.installs, 1u);
    CAF_CHECK(aut.converged());
    aut.acknowledge_one(aut.leader());
    aut.run_for(1s);
    CAF_CHECK(aut.converged());
    aut.checks.check_converged(aut.in_group());
  }
}

CAF_TEST(a newcomer is taken in and the leader leaves after it handed over) {
  for (auto seed : test::seeds(test::seed_count(100))) {
    CAF_MESSAGE("COPPICE_SEED=" << seed);
    group aut{seed, 0, 1};
    auto& old = aut.leader();
    aut.acknowledge_one(old);
    aut.flush(old); // The newcomer needs tables, then.
    auto founders = old.aut->members().value();
    auto all = founders;
    all.push_back({4, false});
    CAF_REQUIRE(old.aut->change_members(all, aut.now));
    CAF_CHECK(!old.aut->change_members(founders, aut.now)); // One at a time.
    aut.run_for(1s);
    auto& newcomer = aut.members()[3];
    CAF_CHECK_EQUAL(newcomer.installs, 1u);
    CAF_CHECK(aut.converged());
    CAF_CHECK_EQUAL(old.aut->match_index(4), old.aut->last_index());
    all.back().votes = true;
    CAF_REQUIRE(old.aut->change_members(all, aut.now));
    aut.run_for(1s);
    all.erase(all.begin() + static_cast<ptrdiff_t>(old.id()) - 1);
    CAF_CHECK(!old.aut->change_members(all, aut.now));
    CAF_REQUIRE(old.aut->transfer(4, aut.now));
    aut.run_for(100ms);
    auto& heir = aut.leader();
    CAF_CHECK_EQUAL(heir.id(), 4u);
    CAF_REQUIRE(heir.aut->change_members(all, aut.now));
    aut.run_for(2s);
    CAF_CHECK(heir.aut->members().value() == all);
    aut.acknowledge_one(heir);
    CAF_CHECK(aut.converged());
    aut.checks.check_converged(aut.in_group());
  }
}

CAF_TEST(members change one by one and only by a proved leader) {
  group aut{1, 0, 2};
  auto& leader = aut.leader();
  auto& follower = aut.another_than(leader);
  auto all = leader.aut->members().value();
  CAF_CHECK(follower.aut->change_members(all, aut.now).error().code
            == ec::not_leader);
  auto refused = [&](std::vector<member_record> xs) {
    auto x = leader.aut->change_members(std::move(xs), aut.now);
    return !x && x.error().code == ec::invalid_argument;
  };
  CAF_CHECK(refused(all));
  CAF_CHECK(refused({{1}, {2}, {3}, {4, false}, {5, false}}));
  CAF_CHECK(refused({{1}}));
  CAF_CHECK(refused({{1}, {2}, {4}}));
  CAF_CHECK(refused({{1}, {2}, {3}, {4}}));
}

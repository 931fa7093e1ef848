// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/regeneration/regeneration_steps.hpp"

#include <caf/test/unit_test.hpp>

#include <optional>
#include <string>

using namespace coppice;

namespace {

constexpr int64_t began = 1'000'000;

struct fixture {
  fixture() {
    row.set_number(5);
    row.set_node("n1");
    row.set_incarnation(3);
    row.set_drain_deadline_ms(began + 60'000);
    enter(proto::QUIESCE);
    node.start = {"n1", 3};
    facts.node = &node;
  }

  void enter(proto::RegenerationPhase phase) {
    row.set_phase(phase);
    auto& step = *row.add_steps();
    step.set_phase(phase);
    step.set_at_ms(began);
  }

  /// The node says that it has done its part of a phase.
  void say(proto::RegenerationPhase done, uint64_t incarnation = 3) {
    said.set_node("n1");
    said.set_incarnation(incarnation);
    said.set_regeneration(5);
    said.set_done(done);
    facts.said = &said;
  }

  std::optional<proto::RegenerationStep> look(std::chrono::milliseconds after
                                              = {}) const {
    return next_step(row, facts, limits, began + after.count());
  }

  /// Returns the phase that is next; NO_PHASE: there is no step.
  proto::RegenerationPhase next(std::chrono::milliseconds after = {}) const {
    auto x = look(after);
    return x ? x->to() : proto::NO_PHASE;
  }

  proto::RegenerationEnd end(std::chrono::milliseconds after = {}) const {
    auto x = look(after);
    return x ? x->outcome() : proto::UNDER_WAY;
  }

  void grow_again(uint64_t incarnation = 4) {
    node.start.incarnation = incarnation;
    node.state = node_state::healthy;
  }

  void place(uint64_t epoch, proto::ServiceStatus status) {
    where.set_node("n1");
    where.set_epoch(epoch);
    where.set_status(status);
    facts.place = &where;
  }

  proto::RegenerationRow row;
  node_entry node;
  proto::VitalsRequest said;
  proto::ServicePlace where;
  regeneration_facts facts;
  regeneration_limits limits;
};

proto::Vital vital(const std::string& name, double value) {
  proto::Vital x;
  x.set_name(name);
  x.set_value(value);
  return x;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(regeneration_steps_tests, fixture)

CAF_TEST(each phase ends when the node has done its part) {
  for (auto phase : {proto::QUIESCE, proto::DRAIN, proto::CAPTURE}) {
    row.set_phase(phase);
    CAF_CHECK_EQUAL(next(), proto::NO_PHASE);
    say(static_cast<proto::RegenerationPhase>(phase - 1));
    CAF_CHECK_EQUAL(next(), proto::NO_PHASE);
    say(phase);
    CAF_CHECK_EQUAL(next(), static_cast<int>(phase) + 1);
  }
}

CAF_TEST(what another start or another regeneration said does not count) {
  say(proto::QUIESCE, 2);
  CAF_CHECK_EQUAL(next(), proto::NO_PHASE);
  say(proto::QUIESCE);
  said.set_regeneration(4);
  CAF_CHECK_EQUAL(next(), proto::NO_PHASE);
}

CAF_TEST(a node that does not answer goes on as it was) {
  CAF_CHECK_EQUAL(end(limits.quiesce - std::chrono::milliseconds{1}),
                  proto::UNDER_WAY);
  CAF_CHECK_EQUAL(end(limits.quiesce), proto::ROLLED_BACK);
}

CAF_TEST(tasks that neither move nor stop do not hold it up for ever) {
  enter(proto::DRAIN);
  say(proto::QUIESCE);
  said.set_waits_for("tasks in 2 slots");
  CAF_CHECK_EQUAL(next(std::chrono::seconds{60}), proto::NO_PHASE);
  auto x = look(std::chrono::seconds{60} + limits.drain_grace);
  CAF_REQUIRE(x);
  CAF_CHECK_EQUAL(x->to(), proto::CAPTURE);
  CAF_CHECK(x->why().find("tasks in 2 slots") != std::string::npos);
}

CAF_TEST(services move first and those that cannot are captured) {
  enter(proto::DRAIN);
  say(proto::DRAIN);
  facts.services_here = 1;
  facts.others_serve = true;
  CAF_CHECK_EQUAL(next(), proto::NO_PHASE);
  CAF_CHECK_EQUAL(next(limits.move), proto::CAPTURE);
  facts.others_serve = false;
  CAF_CHECK_EQUAL(next(), proto::CAPTURE);
  enter(proto::CAPTURE);
  say(proto::CAPTURE);
  CAF_CHECK_EQUAL(next(), proto::NO_PHASE);
  CAF_CHECK_EQUAL(end(limits.capture), proto::ROLLED_BACK);
  facts.services_here = 0;
  CAF_CHECK_EQUAL(next(), proto::RESTART);
}

CAF_TEST(a crash before its time is as good as the restart) {
  for (auto phase : {proto::QUIESCE, proto::DRAIN, proto::CAPTURE}) {
    row.set_phase(phase);
    grow_again();
    auto x = look();
    CAF_REQUIRE(x);
    CAF_CHECK_EQUAL(x->to(), proto::RESTORE);
    CAF_CHECK_EQUAL(x->successor(), 4u);
    CAF_CHECK(!x->why().empty());
  }
}

CAF_TEST(the next start ends the restart) {
  enter(proto::RESTART);
  node.state = node_state::left;
  CAF_CHECK_EQUAL(next(), proto::NO_PHASE);
  CAF_CHECK_EQUAL(end(limits.restart), proto::LOST);
  node.state = node_state::healthy;
  CAF_CHECK_EQUAL(end(limits.restart), proto::ROLLED_BACK);
  grow_again();
  CAF_CHECK_EQUAL(next(), proto::RESTORE);
}

CAF_TEST(it is restored when its services are ready or time is up) {
  enter(proto::RESTORE);
  grow_again();
  say(proto::RESTORE, 4);
  facts.services_begin = true;
  CAF_CHECK_EQUAL(next(), proto::NO_PHASE);
  CAF_CHECK_EQUAL(next(limits.restore), proto::VERIFY);
  facts.services_begin = false;
  CAF_CHECK_EQUAL(next(), proto::VERIFY);
}

CAF_TEST(it is let in when what was worn is young again) {
  enter(proto::VERIFY);
  grow_again();
  *row.add_evidence() = vital("memory", 1'000);
  CAF_CHECK_EQUAL(end(), proto::UNDER_WAY);
  say(proto::VERIFY, 4);
  *said.add_vitals() = vital("memory", 400);
  CAF_CHECK_EQUAL(end(), proto::REGENERATED);
  CAF_CHECK_EQUAL(next(), proto::READMIT);
  said.mutable_vitals(0)->set_value(990);
  CAF_CHECK_EQUAL(end(), proto::NOT_CURED);
  facts.said = nullptr;
  CAF_CHECK_EQUAL(end(limits.verify), proto::NOT_CURED);
}

CAF_TEST(what an instance had is not held against its node) {
  enter(proto::VERIFY);
  grow_again();
  *row.add_evidence() = vital("memory of web/0", 100);
  say(proto::VERIFY, 4);
  *said.add_vitals() = vital("memory", 400);
  CAF_CHECK_EQUAL(end(), proto::REGENERATED);
  auto& instance = *said.add_instances();
  instance.set_service("web");
  *instance.add_vitals() = vital("memory", 100);
  CAF_CHECK_EQUAL(end(), proto::NOT_CURED);
}

CAF_TEST(a node that is stopped or forgotten ends it) {
  node.state = node_state::left;
  CAF_CHECK_EQUAL(end(), proto::ROLLED_BACK);
  facts.node = nullptr;
  CAF_CHECK_EQUAL(end(), proto::LOST);
}

CAF_TEST(a node that is down is waited for and then lost) {
  node.state = node_state::down;
  say(proto::QUIESCE);
  CAF_CHECK_EQUAL(next(), proto::NO_PHASE);
  CAF_CHECK_EQUAL(end(limits.restart), proto::LOST);
  // It may be down for a short time in a phase that is long.
  node.changed_ms = began + 1;
  CAF_CHECK_EQUAL(next(limits.restart), proto::NO_PHASE);
  CAF_CHECK_EQUAL(end(limits.restart + std::chrono::milliseconds{1}),
                  proto::LOST);
}

CAF_TEST(an instance leaves and comes back in a new epoch) {
  row.set_service("web");
  row.set_epoch(7);
  place(7, proto::SERVICE_READY);
  CAF_CHECK_EQUAL(next(), proto::NO_PHASE);
  place(7, proto::SERVICE_LEAVING);
  CAF_CHECK_EQUAL(next(), proto::DRAIN);
  enter(proto::DRAIN);
  CAF_CHECK_EQUAL(next(), proto::NO_PHASE);
  CAF_CHECK_EQUAL(end(limits.leave), proto::ROLLED_BACK);
  place(7, proto::SERVICE_STOPPED);
  CAF_CHECK_EQUAL(next(), proto::RESTART);
  enter(proto::RESTART);
  place(9, proto::SERVICE_STARTING);
  CAF_CHECK_EQUAL(next(), proto::RESTORE);
  enter(proto::RESTORE);
  CAF_CHECK_EQUAL(next(), proto::NO_PHASE);
  place(9, proto::SERVICE_READY);
  CAF_CHECK_EQUAL(next(), proto::VERIFY);
  enter(proto::VERIFY);
  CAF_CHECK_EQUAL(end(), proto::REGENERATED);
}

CAF_TEST(an instance that was worn is measured again) {
  row.set_service("web");
  row.set_epoch(7);
  *row.add_evidence() = vital("memory", 1'000);
  place(9, proto::SERVICE_READY);
  enter(proto::VERIFY);
  CAF_CHECK_EQUAL(end(), proto::UNDER_WAY);
  facts.said = &said;
  auto& x = *said.add_instances();
  x.set_service("web");
  x.set_epoch(7);
  *x.add_vitals() = vital("memory", 10);
  CAF_CHECK_EQUAL(end(), proto::UNDER_WAY);
  x.set_epoch(9);
  CAF_CHECK_EQUAL(end(), proto::REGENERATED);
  CAF_CHECK_EQUAL(end(limits.verify), proto::REGENERATED);
}

CAF_TEST(an instance that does not come back is lost
         and a removed one is not ) {
  row.set_service("web");
  row.set_epoch(7);
  enter(proto::RESTART);
  CAF_CHECK_EQUAL(end(limits.restart), proto::LOST);
  facts.removed = true;
  CAF_CHECK_EQUAL(end(), proto::ROLLED_BACK);
}

CAF_TEST(what has ended takes no more steps) {
  row.set_outcome(proto::REGENERATED);
  say(proto::QUIESCE);
  CAF_CHECK_EQUAL(next(), proto::NO_PHASE);
}

CAF_TEST_FIXTURE_SCOPE_END()

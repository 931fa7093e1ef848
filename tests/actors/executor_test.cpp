// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/actors/executor_fixture.hpp"

using namespace coppice;
using namespace std::chrono_literals;

namespace {

using fixture = test::executor_fixture;

} // namespace

CAF_TEST_FIXTURE_SCOPE(executor_tests, fixture)

// -- connection ---------------------------------------------------------------

CAF_TEST(a worker says hello and offers all its slots) {
  start();
  CAF_REQUIRE_EQUAL(script->hellos.size(), 1u);
  auto& hello = script->hellos[0];
  CAF_CHECK_EQUAL(hello.node(), "n1");
  CAF_CHECK_EQUAL(hello.incarnation(), 7u);
  CAF_CHECK_EQUAL(hello.connection(), 1u);
  CAF_CHECK_EQUAL(hello.protocol(), protocol_version);
  CAF_CHECK_EQUAL(hello.slots(), 4u);
  CAF_CHECK_EQUAL(hello.kinds_size(), 4); // fake, noop, sleep, sole
  CAF_CHECK_EQUAL(hello.holds_size(), 0);
  CAF_REQUIRE_EQUAL(script->pulls.size(), 1u);
  CAF_CHECK_EQUAL(script->pulls[0].free(), 4u);
  CAF_CHECK_EQUAL(script->pulls[0].seen(), 0u);
}

CAF_TEST(a worker that is refused tries again later and later) {
  script->welcome.mutable_error()->set_message("not now");
  start();
  CAF_CHECK_EQUAL(script->hellos.size(), 1u);
  pass(1s);
  auto soon = script->hellos.size();
  CAF_CHECK(soon >= 3 && soon <= 12);
  pass(10s);
  CAF_CHECK(script->hellos.size() <= soon + 12);
  CAF_CHECK(script->pulls.empty());
  script->welcome.clear_error();
  pass(3s);
  CAF_CHECK(!script->pulls.empty());
}

CAF_TEST(an idle worker reports and pulls at least each keep alive interval) {
  start();
  script->pulls.clear();
  pass(10s);
  CAF_CHECK(script->reports.size() >= 8 && script->reports.size() <= 12);
  CAF_CHECK(script->pulls.size() >= 8 && script->pulls.size() <= 12);
  CAF_CHECK_EQUAL(script->reports.back().node(), "n1");
  CAF_CHECK_EQUAL(script->reports.back().number(), script->reports.size());
}

CAF_TEST(a worker reports three times per lease however short that is) {
  script->welcome.set_lease_ms(300);
  start();
  pass(3s);
  CAF_CHECK(script->reports.size() >= 20);
}

CAF_TEST(a refused report leads to another hello with all that is held) {
  start();
  script->answers_reports = false;
  assign({make(key(1), "noop"), make(key(2), "fake")});
  CAF_CHECK_EQUAL(script->finishes().size(), 1u);
  // The one that holds the finish is never answered.
  script->report_error.set_code(static_cast<uint32_t>(ec::conflict));
  script->answers_reports = true;
  pass(5s);
  auto hellos = script->hellos.size();
  CAF_CHECK(hellos >= 3 && hellos <= 12);
  CAF_CHECK_EQUAL(script->hellos.back().holds_size(), 2);
  script->report_error.clear_code();
  pass(3s);
  CAF_CHECK_EQUAL(script->hellos.back().holds_size(), 2);
  script->reports.clear();
  pass(5s);
  CAF_CHECK(script->finishes().empty());
  CAF_CHECK(!script->reports.empty());
}

CAF_TEST(a report that is not answered in time leads to another hello) {
  start();
  script->answers_reports = false;
  pass(15s);
  CAF_CHECK(script->hellos.size() >= 2);
  script->answers_reports = true;
  pass(15s);
  auto hellos = script->hellos.size();
  pass(10s);
  CAF_CHECK_EQUAL(script->hellos.size(), hellos);
}

CAF_TEST(a finish is sent on each new connection until it is acknowledged) {
  start();
  script->answers_reports = false;
  assign({make(key(1), "noop")});
  CAF_CHECK_EQUAL(script->finishes().size(), 1u);
  for (size_t i = 2; i < 5; ++i) {
    self->send(aut, directory);
    consume_messages();
    CAF_CHECK_EQUAL(script->hellos.back().connection(), i);
    CAF_CHECK_EQUAL(script->hellos.back().holds_size(), 1);
    CAF_CHECK_EQUAL(script->finishes().size(), i);
  }
  script->answers_reports = true;
  self->send(aut, directory);
  consume_messages();
  CAF_CHECK_EQUAL(script->finishes().size(), 5u);
  self->send(aut, directory);
  consume_messages();
  CAF_CHECK_EQUAL(script->hellos.back().holds_size(), 0);
  CAF_CHECK_EQUAL(script->finishes().size(), 5u);
}

CAF_TEST(a dead manager is noticed and its successor greeted) {
  start();
  self->send_exit(tracker, caf::exit_reason::kill);
  consume_messages();
  tracker = sys.spawn(test::fake_tracker, script);
  directory = sys.spawn(test::fake_directory, script, scheduler, tracker);
  self->send(aut, directory);
  consume_messages();
  CAF_CHECK_EQUAL(script->hellos.size(), 2u);
  assign({make(key(1), "noop")});
  CAF_CHECK_EQUAL(script->finishes().size(), 1u);
}

// -- reconciliation -----------------------------------------------------------

CAF_TEST(an attempt that the manager was told is missing never runs) {
  assign_ref(*script->welcome.add_missing(), key(1));
  start();
  assign({make(key(1), "fake"), make(key(1, 2), "fake")});
  CAF_CHECK(!runs.contains(key(1)));
  CAF_CHECK(runs.contains(key(1, 2)));
  auto said = script->finishes();
  CAF_REQUIRE_EQUAL(said.size(), 1u);
  CAF_CHECK_EQUAL(said[0].reason(), proto::REFUSED_BY_NODE);
  CAF_CHECK(!said[0].started());
}

CAF_TEST(an obsolete attempt is killed and its end is not reported) {
  start();
  assign({make(key(1), "fake")});
  assign_ref(*script->welcome.add_obsolete(), key(1));
  self->send(aut, directory);
  consume_messages();
  auto run = runs.at(key(1));
  CAF_REQUIRE_EQUAL(run->stops.size(), 1u);
  CAF_CHECK_EQUAL(run->stops[0].count(), 0);
  CAF_CHECK_EQUAL(script->pulls.back().free(), 3u);
  run->say(run_ended{succeeded("too late")});
  consume_messages();
  pass(5s);
  CAF_CHECK(script->finishes().empty());
  CAF_CHECK_EQUAL(script->pulls.back().free(), 4u);
}

CAF_TEST(an attempt that was cancelled meanwhile is stopped) {
  start();
  assign({make(key(1), "fake")});
  assign_ref(*script->welcome.add_cancelled(), key(1));
  self->send(aut, directory);
  consume_messages();
  auto run = runs.at(key(1));
  CAF_REQUIRE_EQUAL(run->stops.size(), 1u);
  CAF_CHECK_EQUAL(run->stops[0], options.term_grace);
}

CAF_TEST(assignments of an earlier connection are refused) {
  start();
  script->assignments = 41;
  assign({make(key(1), "fake")});
  pass(1s);
  CAF_CHECK(runs.empty());
  auto said = script->finishes();
  CAF_REQUIRE_EQUAL(said.size(), 1u);
  CAF_CHECK_EQUAL(said[0].reason(), proto::REFUSED_BY_NODE);
}

// -- batches ------------------------------------------------------------------

CAF_TEST(what happens in one turn is told in one report and one pull) {
  options.slots = 300;
  start();
  script->reports.clear();
  script->pulls.clear();
  std::vector<proto::Assignment> items;
  for (uint64_t i = 1; i <= 256; ++i)
    items.push_back(make(key(i), "noop"));
  assign(std::move(items));
  CAF_CHECK_EQUAL(script->finishes().size(), 256u);
  CAF_CHECK(script->reports.size() <= 1);
  CAF_CHECK_EQUAL(script->pulls.size(), 1u);
  CAF_CHECK_EQUAL(script->pulls.back().free(), 300u);
  CAF_CHECK_EQUAL(script->pulls.back().seen(), 1u);
}

CAF_TEST(no more than four reports are on their way) {
  options.slots = 1'000;
  start();
  script->answers_reports = false;
  for (uint64_t turn = 0; turn < 10; ++turn) {
    assign({make(key(turn * 2 + 1), "noop"), make(key(turn * 2 + 2), "noop")});
    pass(50ms);
  }
  CAF_CHECK_EQUAL(script->reports.size(), 4u);
}

CAF_TEST(a start is told soon and progress with the next tick) {
  start();
  assign({make(key(1), "fake")});
  auto run = runs.at(key(1));
  run->say(run_started{1'234});
  consume_messages();
  pass(50ms);
  CAF_REQUIRE_EQUAL(script->reports.size(), 1u);
  CAF_REQUIRE_EQUAL(script->reports[0].attempts_size(), 1);
  CAF_CHECK_EQUAL(script->reports[0].attempts(0).started_ms(), 1'234);
  proto::Progress progress;
  progress.set_percent(40);
  progress.set_changed_ms(1'240);
  run->say(run_progressed{progress});
  consume_messages();
  CAF_CHECK_EQUAL(script->reports.size(), 1u);
  pass(300ms);
  CAF_REQUIRE_EQUAL(script->reports.size(), 2u);
  CAF_CHECK_EQUAL(script->reports[1].attempts(0).progress().percent(), 40);
  pass(10s);
  for (size_t i = 2; i < script->reports.size(); ++i)
    CAF_CHECK_EQUAL(script->reports[i].attempts_size(), 0);
}

CAF_TEST_FIXTURE_SCOPE_END()

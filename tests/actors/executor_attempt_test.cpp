// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/actors/executor_fixture.hpp"

using namespace coppice;
using namespace std::chrono_literals;

namespace {

using fixture = test::executor_fixture;

} // namespace

CAF_TEST_FIXTURE_SCOPE(executor_attempt_tests, fixture)

// -- attempts -----------------------------------------------------------------

CAF_TEST(tasks of unknown kinds and broken specs are refused) {
  start();
  auto broken = make(key(2), "noop");
  broken.set_spec("\xFF\xFF\xFF");
  assign({make(key(1), "nonsense"), broken});
  auto said = script->finishes();
  CAF_REQUIRE_EQUAL(said.size(), 2u);
  for (auto& x : said) {
    CAF_CHECK_EQUAL(x.outcome(), proto::FAILED);
    CAF_CHECK_EQUAL(x.reason(), proto::REFUSED_BY_NODE);
    CAF_CHECK(!x.started());
  }
}

CAF_TEST(a sleeper sleeps without a thread and fails as often as it is told) {
  start();
  proto::TaskSpec spec;
  spec.set_kind("sleep");
  spec.mutable_sleep()->mutable_duration()->set_seconds(2);
  spec.mutable_sleep()->set_fail_attempts(1);
  auto journal = folder.path() / "journal";
  spec.mutable_sleep()->set_journal(journal.string());
  assign({make(key(1), spec)});
  pass(1'900ms);
  CAF_CHECK(script->finishes().empty());
  pass(200ms);
  auto said = script->finishes();
  CAF_REQUIRE_EQUAL(said.size(), 1u);
  CAF_CHECK_EQUAL(said[0].outcome(), proto::FAILED);
  CAF_CHECK_EQUAL(said[0].error().code(), "sleep_failed");
  assign({make(key(1, 2), spec)});
  pass(2'100ms);
  CAF_REQUIRE_EQUAL(script->finishes().size(), 2u);
  CAF_CHECK_EQUAL(script->finishes()[1].outcome(), proto::SUCCEEDED);
  CAF_CHECK(script->finishes()[1].started_ms() > 0);
  CAF_CHECK_EQUAL(test::read_file(journal), "start 1.1.1 1\nend 1.1.1 1\n"
                                            "start 1.1.1 2\nend 1.1.1 2\n");
}

CAF_TEST(each reason to stop has its own end) {
  start();
  struct expected {
    proto::Reason why;
    proto::TaskState outcome;
    const char* code;
  };
  uint64_t sequence = 0;
  for (auto& x :
       {expected{proto::CANCEL_REQUESTED, proto::CANCELLED, ""},
        expected{proto::STALLED, proto::FAILED, "stalled"},
        expected{proto::TOTAL_TIMEOUT, proto::TIMED_OUT, "timed_out"}}) {
    auto k = key(++sequence);
    assign({make(k, "fake")});
    auto run = runs.at(k);
    run->say(run_started{1});
    stop(k, x.why);
    CAF_REQUIRE_EQUAL(run->stops.size(), 1u);
    CAF_CHECK_EQUAL(run->stops[0], options.term_grace);
    run->say(run_ended{failed("signal_15", "")});
    pass(100ms);
    auto said = script->finishes();
    CAF_REQUIRE_EQUAL(said.size(), sequence);
    CAF_CHECK_EQUAL(said.back().outcome(), x.outcome);
    CAF_CHECK_EQUAL(said.back().reason(), x.why);
    CAF_CHECK_EQUAL(said.back().error().code(), x.code);
    CAF_CHECK(said.back().started());
  }
}

CAF_TEST(an attempt whose lease expired is killed and says nothing) {
  start();
  assign({make(key(1), "fake")});
  stop(key(1), proto::LEASE_EXPIRED);
  auto run = runs.at(key(1));
  CAF_REQUIRE_EQUAL(run->stops.size(), 1u);
  CAF_CHECK_EQUAL(run->stops[0].count(), 0);
  run->say(run_ended{succeeded("")});
  pass(3s);
  CAF_CHECK(script->finishes().empty());
}

CAF_TEST(a stop that overtakes its assignment is not lost) {
  start();
  stop(key(1), proto::CANCEL_REQUESTED);
  assign({make(key(1), "fake")});
  CAF_CHECK(runs.empty());
  auto said = script->finishes();
  CAF_REQUIRE_EQUAL(said.size(), 1u);
  CAF_CHECK_EQUAL(said[0].outcome(), proto::CANCELLED);
  CAF_CHECK(!said[0].started());
}

CAF_TEST(an attempt that does not stop is given up but keeps its slot) {
  start();
  assign({make(key(1), "fake")});
  stop(key(1), proto::CANCEL_REQUESTED);
  pass(options.term_grace + 2s);
  CAF_REQUIRE_EQUAL(script->finishes().size(), 1u);
  CAF_CHECK_EQUAL(script->finishes()[0].outcome(), proto::CANCELLED);
  CAF_CHECK_EQUAL(script->pulls.back().free(), 3u);
  runs.at(key(1))->say(run_ended{succeeded("")});
  pass(2s);
  CAF_CHECK_EQUAL(script->finishes().size(), 1u);
  CAF_CHECK_EQUAL(script->pulls.back().free(), 4u);
}

CAF_TEST(an attempt starts when the one before it is gone from this node) {
  start();
  assign({make(key(1), "fake")});
  assign({make(key(1, 2), "fake")});
  CAF_CHECK(!runs.contains(key(1, 2)));
  CAF_CHECK_EQUAL(runs.at(key(1))->stops.size(), 1u);
  runs.at(key(1))->say(run_ended{failed("signal_9", "")});
  consume_messages();
  CAF_CHECK(runs.contains(key(1, 2)));
  pass(1s);
  CAF_CHECK(script->finishes().empty());
}

CAF_TEST(only exclusive attempts end with a lease that is not renewed) {
  start();
  assign({make(key(1), "fake"), make(key(2), "sole")});
  pass(5s);
  script->answers_reports = false;
  pass(6s);
  CAF_CHECK(runs.at(key(2))->stops.empty());
  pass(3s);
  CAF_CHECK_EQUAL(runs.at(key(2))->stops.size(), 1u);
  CAF_CHECK(runs.at(key(1))->stops.empty());
}

CAF_TEST(an exclusive attempt that stops after a freeze is not reported) {
  start();
  assign({make(key(1), "fake"), make(key(2), "sole")});
  auto& lease = runs.at(key(2))->start.lease;
  CAF_REQUIRE(lease);
  CAF_CHECK(!runs.at(key(1))->start.lease);
  pass(20s);
  CAF_CHECK(!lease->is_over());
  boot += 20s; // And no timer has fired.
  CAF_CHECK(lease->is_over());
  for (auto& x : {key(1), key(2)})
    runs.at(x)->say(run_ended{failed("stopped", "")});
  consume_messages();
  auto said = script->finishes();
  CAF_REQUIRE_EQUAL(said.size(), 1u);
  CAF_CHECK_EQUAL(said[0].id().sequence(), key(1).task.sequence);
}

CAF_TEST(ends that no manager knows outlive a crash) {
  start();
  assign({make(key(1), "fake"), make(key(2), "fake"), make(key(3), "fake")});
  script->answers_reports = false;
  runs.at(key(1))->say(run_ended{succeeded("told in vain")});
  consume_messages();
  CAF_CHECK(read_last_words(options.data_dir).empty());
  for (auto x : {caf::actor_cast<caf::actor>(tracker),
                 caf::actor_cast<caf::actor>(directory)})
    self->send_exit(x, caf::exit_reason::kill);
  consume_messages();
  CAF_CHECK_EQUAL(read_last_words(options.data_dir).size(), 1u);
  runs.at(key(2))->say(run_ended{succeeded("told nobody")});
  pass(50ms);
  self->send_exit(aut, caf::exit_reason::kill);
  consume_messages();
  auto words = read_last_words(options.data_dir);
  CAF_REQUIRE_EQUAL(words.size(), 2u);
  CAF_CHECK_EQUAL(words[1].result(), "told nobody");
}

// -- stopping -----------------------------------------------------------------

CAF_TEST(a worker that is stopped ends its attempts and reports them) {
  start();
  assign({make(key(1), "fake")});
  self->send_exit(aut, caf::exit_reason::user_shutdown);
  consume_messages();
  CAF_CHECK(is_alive());
  CAF_CHECK_EQUAL(script->pulls.back().free(), 0u);
  assign({make(key(2), "fake")});
  CAF_CHECK(!runs.contains(key(2)));
  CAF_REQUIRE_EQUAL(runs.at(key(1))->stops.size(), 1u);
  runs.at(key(1))->say(run_ended{failed("signal_15", "")});
  pass(100ms);
  CAF_CHECK(!is_alive());
  auto said = script->finishes();
  CAF_REQUIRE_EQUAL(said.size(), 2u);
  CAF_CHECK_EQUAL(said[0].reason(), proto::REFUSED_BY_NODE);
  CAF_CHECK_EQUAL(said[1].reason(), proto::NODE_STOPPED);
}

CAF_TEST(a worker that is stopped does not wait for ever) {
  start();
  assign({make(key(1), "fake")});
  script->answers_reports = false;
  self->send_exit(aut, caf::exit_reason::user_shutdown);
  pass(options.term_grace + options.stop_slack - 1s);
  CAF_CHECK(is_alive());
  pass(2s);
  CAF_CHECK(!is_alive());
}

CAF_TEST(what no manager acknowledged is left to the next start) {
  start();
  assign({make(key(1), "noop"), make(key(2), "fake")});
  script->answers_reports = false;
  assign({make(key(3), "noop")});
  self->send_exit(aut, caf::exit_reason::user_shutdown);
  consume_messages();
  runs.at(key(2))->say(run_ended{failed("signal_15", "")});
  pass(5s);
  CAF_REQUIRE(!is_alive());
  CAF_CHECK_EQUAL(script->hellos.back().finishes_size(), 0);
  script->welcome.mutable_error()->set_message("not now");
  start();
  auto told = script->hellos.back();
  CAF_REQUIRE_EQUAL(told.finishes_size(), 2);
  CAF_CHECK_EQUAL(told.finishes(0).attempt(), 1u);
  CAF_CHECK_EQUAL(told.finishes(0).reason(), proto::NODE_STOPPED);
  CAF_CHECK(to_attempt_key(told.finishes(0).id(), 1) == key(2));
  CAF_CHECK_EQUAL(told.finishes(1).outcome(), proto::SUCCEEDED);
  CAF_CHECK_EQUAL(told.holds_size(), 0);
  // Until it is welcomed, and not once more.
  auto greetings = script->hellos.size();
  pass(5s);
  CAF_REQUIRE(script->hellos.size() > greetings);
  CAF_CHECK_EQUAL(script->hellos.back().finishes_size(), 2);
  script->welcome.clear_error();
  self->send(aut, directory);
  consume_messages();
  CAF_CHECK(read_last_words(folder.path()).empty());
  self->send(aut, directory);
  consume_messages();
  CAF_CHECK_EQUAL(script->hellos.back().finishes_size(), 0);
}

CAF_TEST(a node that crashes before it is welcomed loses no last words) {
  proto::FinishCommand::Item end;
  end.set_attempt(7);
  leave_last_words(folder.path(), {end});
  script->welcome.mutable_error()->set_message("not now");
  start();
  self->send_exit(aut, caf::exit_reason::kill);
  consume_messages();
  CAF_REQUIRE(!is_alive());
  start();
  CAF_CHECK_EQUAL(script->hellos.back().finishes_size(), 1);
}

CAF_TEST(what an unwelcome node was left it leaves again) {
  proto::FinishCommand::Item end;
  end.set_attempt(7);
  leave_last_words(folder.path(), {end});
  script->welcome.mutable_error()->set_message("not now");
  start();
  self->send_exit(aut, caf::exit_reason::user_shutdown);
  pass(5s);
  CAF_REQUIRE(!is_alive());
  CAF_CHECK_EQUAL(read_last_words(folder.path()).size(), 1u);
}

CAF_TEST_FIXTURE_SCOPE_END()

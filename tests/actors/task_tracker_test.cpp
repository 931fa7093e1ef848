// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/task_tracker.hpp"

#include "runtime/task/judgement.hpp"
#include "tests/actors/manager_fixture.hpp"

#include <thread>

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

struct fixture : manager_fixture {
  fixture() {
    start();
  }

  /// A worker that was given one task.
  worker_ptr leased(const proto::TaskSpec& spec = noop()) {
    auto worker = connect("n1", incarnation);
    id = submit(spec);
    pull(worker, 1);
    demand(worker->got.size() == 1, "no task was assigned");
    return worker;
  }

  /// A new incarnation of n1 lives: all that the one before it held is lost.
  worker_ptr crash() {
    return connect("n1", ++incarnation);
  }

  /// Waits until the pause of the task is over, which is a matter of the time
  /// of day, and for the turn that follows.
  void wake(const std::string& x) {
    auto due = task(x).due_ms();
    while (due != 0 && wall_clock_ms() <= due)
      std::this_thread::yield();
    pass(200ms);
  }

  /// Counts the judgements on attempts in the log behind entry *index*.
  int judgements_after(uint64_t index) const {
    auto n = 0;
    while (++index <= disk->last_index()) {
      proto::Entry entry;
      entry.ParseFromString(std::string{disk->at(index).bytes()});
      for (auto& command : entry.commands())
        n += command.finish().items_size();
    }
    return n;
  }

  std::string id;
  uint64_t incarnation = 1;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(task_tracker_tests, fixture)

// -- reports ------------------------------------------------------------------

CAF_TEST(a report is acknowledged by its number) {
  auto worker = leased();
  auto ack = need(alive(worker, worker->got));
  CAF_CHECK_EQUAL(ack.number(), 1u);
  CAF_CHECK(!ack.has_error());
  CAF_CHECK_EQUAL(task(id).state(), proto::RUNNING);
}

CAF_TEST(a report of a node that never said hello is refused) {
  auto stranger = make_worker("n9");
  auto ack = need(alive(stranger, {}));
  CAF_CHECK_EQUAL(ack.error().code(), static_cast<uint32_t>(ec::not_found));
}

CAF_TEST(progress is seen at once) {
  auto worker = leased();
  auto out = news(worker);
  auto& attempt = *out.add_attempts();
  *attempt.mutable_ref() = worker->got[0].ref();
  attempt.mutable_progress()->set_percent(40);
  attempt.mutable_progress()->set_message("reading");
  attempt.mutable_progress()->set_changed_ms(1);
  need(request<proto::ReportAck>(tracker, out));
  auto found = task(id);
  CAF_CHECK_EQUAL(found.progress().message(), std::string{"reading"});
  CAF_CHECK_EQUAL(found.progress().percent(), 40.0);
}

CAF_TEST(an end is acknowledged after its commit only) {
  auto worker = leased();
  disk->broken = true;
  auto ack = report(worker, ending(worker->got[0], proto::SUCCEEDED));
  pass(500ms);
  CAF_CHECK(!ack->value && !ack->failed);
  disk->broken = false;
  pass(200ms);
  CAF_CHECK(!need(ack).has_error());
  CAF_CHECK_EQUAL(task(id).state(), proto::SUCCEEDED);
}

CAF_TEST(a repeated end is acknowledged and changes nothing) {
  auto worker = leased();
  auto end = ending(worker->got[0], proto::SUCCEEDED);
  CAF_CHECK(!need(report(worker, end)).has_error());
  auto before = dump(*store);
  CAF_CHECK(!need(report(worker, end)).has_error());
  auto found = task(id);
  CAF_CHECK_EQUAL(found.attempts_size(), 1);
  CAF_CHECK_EQUAL(found.tries(), 1u);
  CAF_CHECK_EQUAL(fenced("n1"), 0u);
  before.erase("meta/time");
  auto after = dump(*store);
  CAF_CHECK_EQUAL(after.size(), before.size() + after.count("meta/time"));
}

CAF_TEST(a failed attempt is followed by another one after its pause) {
  auto worker = leased();
  report(worker, ending(worker->got[0], proto::FAILED));
  auto found = task(id);
  CAF_CHECK_EQUAL(found.state(), proto::WAITING);
  CAF_CHECK(found.due_ms() > 0);
  pull(worker, 1);
  wake(id);
  CAF_REQUIRE_EQUAL(worker->got.size(), 2u);
  CAF_CHECK_EQUAL(worker->got[1].ref().attempt(), 2u);
}

CAF_TEST(without a pause the next attempt follows at once) {
  auto spec = noop();
  spec.mutable_retry()->mutable_backoff()->set_seconds(0);
  spec.mutable_retry()->mutable_backoff()->set_nanos(0);
  auto worker = leased(spec);
  pull(worker, 1);
  report(worker, ending(worker->got[0], proto::FAILED));
  pass(200ms);
  CAF_REQUIRE_EQUAL(worker->got.size(), 2u);
  CAF_CHECK_EQUAL(worker->got[1].ref().attempt(), 2u);
}

CAF_TEST(a late end of an old attempt is refused and counted) {
  auto worker = leased();
  report(worker, ending(worker->got[0], proto::FAILED));
  pull(worker, 1);
  wake(id);
  CAF_REQUIRE_EQUAL(worker->got.size(), 2u);
  auto late = report(worker, ending(worker->got[0], proto::SUCCEEDED));
  CAF_CHECK(!need(late).has_error());
  CAF_CHECK_EQUAL(fenced("n1"), 1u);
  auto found = task(id);
  CAF_CHECK_EQUAL(found.state(), proto::LEASED);
  CAF_CHECK_EQUAL(found.attempt(), 2u);
}

CAF_TEST(the end of an attempt of another node is refused) {
  auto worker = leased();
  alive(worker, worker->got);
  auto other = connect("n2");
  report(other, ending(worker->got[0], proto::SUCCEEDED));
  CAF_CHECK_EQUAL(fenced("n2"), 1u);
  CAF_CHECK_EQUAL(task(id).state(), proto::RUNNING);
  // And it is watched as before.
  pass(1500ms);
  CAF_CHECK_EQUAL(task(id).attempts(0).reason(), proto::LEASE_EXPIRED);
}

CAF_TEST(who reports an attempt that is not its own is told to stop it) {
  auto worker = leased();
  auto old = worker->got[0];
  report(worker, ending(old, proto::SUCCEEDED));
  alive(worker, {old});
  CAF_REQUIRE_EQUAL(worker->stops.size(), 1u);
  CAF_CHECK_EQUAL(worker->stops[0].reason(), proto::LEASE_EXPIRED);
}

// -- hello --------------------------------------------------------------------

CAF_TEST(a new incarnation releases what the old one held) {
  leased();
  auto again = connect("n1", 2);
  auto found = task(id);
  CAF_CHECK_EQUAL(found.state(), proto::WAITING);
  CAF_CHECK_EQUAL(found.attempts(0).reason(), proto::NODE_GONE);
  pull(again, 1);
  wake(id);
  CAF_REQUIRE_EQUAL(again->got.size(), 1u);
  CAF_CHECK_EQUAL(again->got[0].ref().attempt(), 2u);
}

CAF_TEST(a crash costs a try of what ran) {
  auto worker = leased();
  alive(worker, worker->got);
  crash();
  auto found = task(id);
  CAF_CHECK_EQUAL(found.tries(), 1u);
  CAF_CHECK_EQUAL(found.attempts(0).started_ms(), 1);
}

CAF_TEST(a crash costs no try of what had not started) {
  leased();
  crash();
  auto found = task(id);
  CAF_CHECK_EQUAL(found.attempts(0).reason(), proto::NODE_GONE);
  CAF_CHECK_EQUAL(found.tries(), 0u);
}

CAF_TEST(a crash costs a try if a new leader cannot know what had started) {
  leased();
  stop();
  start();
  crash();
  CAF_CHECK_EQUAL(task(id).tries(), 1u);
}

CAF_TEST(a task that kills its node at once costs tries in the end) {
  leased();
  for (uint32_t losses = 1; losses <= max_free_losses + 1; ++losses) {
    auto worker = crash();
    CAF_CHECK_EQUAL(task(id).tries(), losses > max_free_losses ? 1u : 0u);
    pull(worker, 1);
    wake(id);
    CAF_REQUIRE_EQUAL(worker->got.size(), 1u);
  }
}

CAF_TEST(a stop in good order costs no try of what ran) {
  auto worker = leased();
  alive(worker, worker->got);
  auto end = ending(worker->got[0], proto::FAILED);
  end.set_reason(proto::NODE_STOPPED);
  report(worker, end);
  crash();
  auto found = task(id);
  CAF_CHECK_EQUAL(found.state(), proto::WAITING);
  CAF_CHECK_EQUAL(found.tries(), 0u);
  CAF_CHECK_EQUAL(found.attempts(0).reason(), proto::NODE_STOPPED);
}

CAF_TEST(
  what a node could tell nobody when it was stopped comes with its hello) {
  for (auto knows_it : {true, false}) {
    auto worker = leased();
    if (knows_it) {
      alive(worker, worker->got);
    } else {
      stop();
      start();
    }
    auto end = ending(worker->got[0], proto::FAILED);
    end.set_reason(proto::NODE_STOPPED);
    auto entries = disk->last_index();
    auto next = make_worker("n1", ++incarnation);
    hello(next, {}, {end});
    CAF_CHECK(!next->welcome.has_error());
    auto found = task(id);
    CAF_CHECK_EQUAL(found.state(), proto::WAITING);
    CAF_CHECK_EQUAL(found.tries(), 0u);
    CAF_CHECK_EQUAL(found.attempts(0).reason(), proto::NODE_STOPPED);
    CAF_CHECK_EQUAL(judgements_after(entries), 1);
    cancel(id);
  }
}

CAF_TEST(a node is not registered before its last words are durable) {
  std::vector<proto::Command> asked;
  auto refuse = [&](const proto::Command& x) {
    asked.push_back(x);
    proto::Outcome out;
    if (x.has_finish())
      out.mutable_error()->set_code(static_cast<uint32_t>(ec::overloaded));
    return out;
  };
  auto log = sys.spawn(
    [](state_replicator_actor::pointer,
       std::function<proto::Outcome(const proto::Command&)> f)
      -> state_replicator_actor::behavior_type {
      return {
        [](const proto::PeerMessage&) {},
        [](const peer_link_state&) {},
        [](const lead_listener&) {},
        [](const cluster_facts&) {},
        [](atom::transfer, uint64_t) {},
        [f](const proto::Command& x) { return f(x); },
        [](atom::barrier) { return proto::Outcome{}; },
        [](const proto::Request&) { return proto::Reply{}; },
      };
    },
    std::function<proto::Outcome(const proto::Command&)>{refuse});
  auto other = sys.spawn(task_tracker, tracker_options, store, log);
  auto worker = make_worker();
  proto::Hello hello;
  hello.set_node("n1");
  hello.set_incarnation(2);
  *hello.add_finishes() = proto::FinishCommand::Item{};
  auto said = need(request<proto::Welcome>(other, hello, worker->handle));
  CAF_CHECK(said.has_error());
  CAF_REQUIRE_EQUAL(asked.size(), 1u);
  CAF_CHECK(asked[0].has_finish());
  hello.clear_finishes();
  said = need(request<proto::Welcome>(other, hello, worker->handle));
  CAF_CHECK_EQUAL(asked.size(), 2u);
  end(other);
  end(log);
  consume_messages();
}

CAF_TEST(a result that nobody heard is not lost) {
  auto worker = leased();
  auto next = make_worker("n1", 2);
  hello(next, {}, {ending(worker->got[0], proto::SUCCEEDED)});
  CAF_CHECK_EQUAL(task(id).state(), proto::SUCCEEDED);
}

CAF_TEST(last words on an attempt of another node are refused) {
  auto worker = leased();
  alive(worker, worker->got);
  hello(make_worker("n2"), {}, {ending(worker->got[0], proto::SUCCEEDED)});
  CAF_CHECK_EQUAL(fenced("n2"), 0u); // It did not exist then.
  CAF_CHECK_EQUAL(task(id).state(), proto::RUNNING);
  pass(1500ms);
  CAF_CHECK_EQUAL(task(id).attempts(0).reason(), proto::LEASE_EXPIRED);
}

CAF_TEST(an old incarnation is refused) {
  connect("n1", 2);
  auto old = connect("n1", 1);
  CAF_CHECK_EQUAL(old->welcome.error().code(),
                  static_cast<uint32_t>(ec::conflict));
}

CAF_TEST(a node that connects again and holds its lease keeps it) {
  auto worker = leased();
  hello(worker, {worker->got[0].ref()});
  CAF_CHECK_EQUAL(worker->welcome.missing_size(), 0);
  CAF_CHECK_EQUAL(worker->welcome.obsolete_size(), 0);
  CAF_CHECK_EQUAL(worker->welcome.lease_ms(), 1'000);
  CAF_CHECK_EQUAL(task(id).state(), proto::LEASED);
}

CAF_TEST(a lease that its node does not hold is missing and given up) {
  auto worker = leased();
  hello(worker);
  CAF_REQUIRE_EQUAL(worker->welcome.missing_size(), 1);
  auto found = task(id);
  CAF_CHECK_EQUAL(found.state(), proto::WAITING);
  CAF_CHECK_EQUAL(found.tries(), 0u);
  CAF_CHECK_EQUAL(found.attempts(0).reason(), proto::NEVER_STARTED);
}

CAF_TEST(a node that dropped what it ran has lost it) {
  auto worker = leased();
  alive(worker, worker->got);
  hello(worker); // As it does with exclusive attempts after a silence.
  auto found = task(id);
  CAF_CHECK_EQUAL(found.attempts(0).reason(), proto::LEASE_EXPIRED);
  CAF_CHECK_EQUAL(found.tries(), 1u);
}

CAF_TEST(what a node holds without a lease is obsolete and counted) {
  auto worker = leased();
  auto ref = worker->got[0].ref();
  hello(worker); // It is missing, so the attempt ends.
  hello(worker, {ref});
  CAF_REQUIRE_EQUAL(worker->welcome.obsolete_size(), 1);
  CAF_CHECK_EQUAL(worker->welcome.obsolete(0).attempt(), 1u);
  CAF_CHECK_EQUAL(fenced("n1"), 1u);
}

CAF_TEST(what was cancelled meanwhile is told with the welcome) {
  auto worker = leased();
  cancel(id);
  hello(worker, {worker->got[0].ref()});
  CAF_REQUIRE_EQUAL(worker->welcome.cancelled_size(), 1);
  CAF_CHECK_EQUAL(worker->welcome.missing_size(), 0);
}

// -- clocks -------------------------------------------------------------------

CAF_TEST(leases live as long as their node reports) {
  auto worker = leased();
  pass_alive(worker, worker->got, 4s);
  CAF_CHECK_EQUAL(task(id).state(), proto::RUNNING);
}

CAF_TEST(leases of a silent node end) {
  auto worker = leased();
  alive(worker, worker->got);
  pass(900ms);
  CAF_CHECK_EQUAL(task(id).state(), proto::RUNNING);
  pass(600ms);
  auto found = task(id);
  CAF_CHECK_EQUAL(found.attempts(0).reason(), proto::LEASE_EXPIRED);
  CAF_CHECK_EQUAL(found.tries(), 1u);
}

CAF_TEST(silence costs no try of what had not started) {
  leased();
  pass(1500ms);
  auto found = task(id);
  CAF_CHECK_EQUAL(found.attempts(0).reason(), proto::LEASE_EXPIRED);
  CAF_CHECK_EQUAL(found.tries(), 0u);
}

CAF_TEST(a lease that its node never confirms is given up) {
  auto worker = leased();
  pass_alive(worker, {}, 1600ms);
  auto found = task(id);
  CAF_CHECK_EQUAL(found.attempts(0).reason(), proto::NEVER_STARTED);
  CAF_CHECK_EQUAL(found.tries(), 0u);
  CAF_REQUIRE(!worker->stops.empty());
  CAF_CHECK_EQUAL(worker->stops[0].reason(), proto::LEASE_EXPIRED);
}

CAF_TEST(a lease that ends unconfirmed is judged once) {
  pass(100ms); // So that both clocks run out with the same tick.
  leased();
  auto entries = disk->last_index();
  pass(1500ms);
  CAF_CHECK_EQUAL(judgements_after(entries), 1);
  CAF_CHECK_EQUAL(task(id).attempts(0).reason(), proto::LEASE_EXPIRED);
}

CAF_TEST(a lease that is never confirmed is judged once) {
  auto worker = leased();
  pass_alive(worker, {}, 800ms);
  disk->broken = true; // The end of the lease finds it judged already.
  pass_alive(worker, {}, 400ms);
  pass(1500ms);
  auto entries = disk->last_index();
  disk->broken = false;
  pass(200ms);
  CAF_CHECK_EQUAL(judgements_after(entries), 1);
  CAF_CHECK_EQUAL(task(id).attempts(0).reason(), proto::NEVER_STARTED);
}

CAF_TEST(an attempt without progress is stopped and then given up) {
  auto spec = noop();
  *spec.mutable_timeouts()->mutable_stall() = to_proto(2s);
  auto worker = leased(spec);
  pass_alive(worker, worker->got, 1600ms);
  CAF_CHECK(worker->stops.empty());
  pass_alive(worker, worker->got, 1s);
  CAF_REQUIRE_EQUAL(worker->stops.size(), 1u);
  CAF_CHECK_EQUAL(worker->stops[0].reason(), proto::STALLED);
  CAF_CHECK_EQUAL(task(id).state(), proto::RUNNING);
  // It does not answer, so it is over whatever it does.
  pass_alive(worker, worker->got, 1600ms);
  auto found = task(id);
  CAF_CHECK_EQUAL(found.attempts(0).reason(), proto::STALLED);
  CAF_CHECK_EQUAL(found.attempts(0).error().code(), std::string{"stalled"});
}

CAF_TEST(the total timeout ends a task for good) {
  auto spec = noop();
  *spec.mutable_timeouts()->mutable_total() = to_proto(3s);
  auto worker = leased(spec);
  pass_alive(worker, worker->got, 4s);
  CAF_REQUIRE_EQUAL(worker->stops.size(), 1u);
  CAF_CHECK_EQUAL(worker->stops[0].reason(), proto::TOTAL_TIMEOUT);
  pass_alive(worker, worker->got, 1600ms);
  CAF_CHECK_EQUAL(task(id).state(), proto::TIMED_OUT);
}

CAF_TEST(a new leader watches the leases that it finds) {
  auto worker = leased();
  stop();
  start();
  CAF_CHECK_EQUAL(task(id).state(), proto::LEASED);
  pass(1500ms);
  CAF_CHECK_EQUAL(task(id).attempts(0).reason(), proto::LEASE_EXPIRED);
}

CAF_TEST_FIXTURE_SCOPE_END()

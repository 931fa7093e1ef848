// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// How the TASK_TRACKER has tasks removed that ended long ago.

#include "actors/task_tracker.hpp"
#include "tests/actors/manager_fixture.hpp"

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

/// A STATE_REPLICATOR that accepts nothing, and what it was asked.
struct refusing_log {
  std::vector<proto::Command> asked;
};

state_replicator_actor::behavior_type
refuse_all(state_replicator_actor::pointer, refusing_log* log) {
  return {
    [](proto::PeerMessage&) {},
    [](peer_link_state&) {},
    [](lead_listener&) {},
    [](cluster_facts&) {},
    [](atom::transfer, uint64_t) {},
    [log](proto::Command& x) {
      log->asked.push_back(std::move(x));
      proto::Outcome out;
      set_error(*out.mutable_error(), {ec::not_leader, "no longer"});
      return out;
    },
    [](atom::barrier) { return proto::Outcome{}; },
    [](const proto::Request&) { return proto::Reply{}; },
  };
}

struct fixture : manager_fixture {
  /// Tasks are due as soon as they have ended, which is a matter of the time of
  /// day; when it is looked for them is one of the virtual clock.
  fixture() {
    tracker_options.history.keep = 0ms;
    start();
  }

  /// A task that was cancelled before it began.
  std::string ended() {
    auto id = submit();
    cancel(id);
    return id;
  }

  proto::Error error_of(const proto::Request& x) {
    return ask(x).error();
  }

  bool is_gone(const std::string& id) {
    proto::Request x;
    x.mutable_get()->add_ids(id);
    auto reply = ask(x);
    return reply.get().items(0).error().code()
           == static_cast<uint32_t>(ec::not_found);
  }

  /// Returns how many tasks each command in the log would remove.
  std::vector<int> forgotten() const {
    std::vector<int> out;
    for (auto i = disk->first_index(); i <= disk->last_index(); ++i) {
      proto::Entry entry;
      entry.ParseFromString(std::string{disk->at(i).bytes()});
      for (auto& command : entry.commands())
        if (command.has_forget())
          out.push_back(command.forget().ids_size());
    }
    return out;
  }

  std::vector<std::string> many_ended(int n) {
    proto::Request all;
    std::vector<std::string> ids;
    auto reply = ask(submission(noop(), n));
    for (auto& item : reply.submit().items()) {
      ids.push_back(item.id());
      all.mutable_cancel()->add_ids(item.id());
    }
    ask(all);
    return ids;
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(task_tracker_history_tests, fixture)

CAF_TEST(an ended task is removed and its key accepted anew) {
  auto spec = noop();
  spec.set_idempotency_key("k");
  auto worker = connect();
  auto id = submit(spec);
  pull(worker, 1);
  CAF_REQUIRE_EQUAL(worker->got.size(), 1u);
  report(worker, ending(worker->got[0], proto::SUCCEEDED));
  auto again = submit(spec);
  CAF_CHECK_EQUAL(again, id);
  pass(1200ms);
  CAF_CHECK(is_gone(id));
  proto::Request list;
  list.mutable_list();
  auto reply = ask(list);
  CAF_CHECK_EQUAL(reply.list().tasks_size(), 0);
  auto anew = submit(spec);
  CAF_CHECK_NOT_EQUAL(anew, id);
}

CAF_TEST(who asks for a removed task is told why it is not there) {
  auto id = ended();
  pass(1200ms);
  auto text
    = "there is no task " + id + "; ended tasks are kept for history.keep";
  proto::Request get;
  get.mutable_get()->add_ids(id);
  auto got = ask(get);
  CAF_CHECK_EQUAL(got.get().items(0).error().message(), text);
  proto::Request retry;
  retry.mutable_retry()->add_ids(id);
  auto retried = ask(retry);
  CAF_CHECK_EQUAL(retried.retry().items(0).error().message(), text);
  proto::Request explain;
  explain.mutable_explain()->set_id(id);
  auto explained = ask(explain);
  CAF_CHECK_EQUAL(explained.error().message(), text);
  proto::Request log;
  log.mutable_log()->set_id(id);
  auto read = ask(log);
  CAF_CHECK_EQUAL(read.error().message(), text);
}

CAF_TEST(what has not ended stays whatever its age) {
  auto worker = connect();
  auto running = submit();
  pull(worker, 1);
  auto waiting = submit();
  auto over = ended();
  pass_alive(worker, worker->got, 3s);
  CAF_CHECK(is_gone(over));
  CAF_CHECK_EQUAL(task(running).state(), proto::RUNNING);
  CAF_CHECK_EQUAL(task(waiting).state(), proto::WAITING);
}

CAF_TEST(nothing is proposed twice while the answer is to come) {
  auto ids = many_ended(10);
  disk->broken = true;
  pass(3s);
  disk->broken = false;
  pass(200ms);
  for (auto& id : ids)
    CAF_CHECK(is_gone(id));
  auto commands = forgotten();
  CAF_REQUIRE_EQUAL(commands.size(), 1u);
  CAF_CHECK_EQUAL(commands[0], 10);
}

CAF_TEST(many are removed in parts without a pause) {
  stop();
  tracker_options.history.max_ids = 100;
  start();
  auto ids = many_ended(950);
  // One for each step of the clock, so ten before the second walk would begin.
  pass(1600ms);
  CAF_CHECK(is_gone(ids.back()));
  auto commands = forgotten();
  CAF_REQUIRE_EQUAL(commands.size(), 10u);
  for (size_t i = 0; i < 9; ++i)
    CAF_CHECK_EQUAL(commands[i], 100);
  CAF_CHECK_EQUAL(commands[9], 50);
  // And then it pauses: nothing to remove costs no entry.
  pass(3s);
  auto later = forgotten();
  CAF_CHECK_EQUAL(later.size(), 10u);
}

CAF_TEST(many old tasks that have not ended hide no other) {
  stop();
  tracker_options.history.max_rows = 10;
  start();
  for (auto i = 0; i < 95; ++i)
    submit();
  auto id = ended();
  pass(1s + 11 * tracker_options.tick);
  CAF_CHECK(is_gone(id));
}

CAF_TEST(who does not lead any more removes nothing) {
  auto id = ended();
  self->send(tracker, lead_change{});
  pass(5s);
  auto commands = forgotten();
  CAF_CHECK(commands.empty());
  CAF_CHECK(!is_gone(id));
}

CAF_TEST(who is refused tries again after a pause and not before) {
  ended();
  end(tracker);
  refusing_log log;
  auto refusing = sys.spawn(refuse_all, &log);
  tracker = sys.spawn(task_tracker, tracker_options, store, refusing);
  pass(1200ms);
  CAF_CHECK_EQUAL(log.asked.size(), 1u);
  pass(700ms);
  CAF_CHECK_EQUAL(log.asked.size(), 1u);
  pass(400ms);
  CAF_CHECK_EQUAL(log.asked.size(), 2u);
  // The same for who is not there at all.
  self->send_exit(refusing, caf::exit_reason::kill);
  pass(3s);
  proto::Request list;
  list.mutable_list();
  auto reply = need(request<proto::Reply>(tracker, list));
  CAF_CHECK_EQUAL(reply.list().tasks_size(), 1);
}

CAF_TEST_FIXTURE_SCOPE_END()

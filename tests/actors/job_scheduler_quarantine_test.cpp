// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// What becomes of a node on which tasks fail fast, from its reports on.

#include "actors/job_scheduler.hpp"
#include "tests/actors/health_fixture.hpp"

#include <string>
#include <thread>

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct fixture : health_fixture {
  using manager_fixture::pass_alive;

  fixture() {
    scheduler_options.bad_nodes = {std::chrono::minutes{10}, 3, 10s, 40s, 30};
    start();
    for (auto name : {"n1", "n2", "n3"}) {
      workers.push_back(connect(name));
      pull(workers.back(), 0);
    }
    n1 = workers[0];
  }

  static proto::TaskSpec once() {
    auto x = noop();
    x.mutable_retry()->set_attempts(1);
    return x;
  }

  /// Gives *worker* a task that ends like this.
  void run_on(const worker_ptr& worker, proto::TaskState outcome,
              proto::Reason why = proto::REASON_UNSPECIFIED,
              const proto::TaskSpec& spec = once()) {
    auto before = worker->got.size();
    submit(spec);
    pull(worker, 1);
    demand(worker->got.size() == before + 1, "the node got no task");
    end_last(worker, outcome, why);
  }

  void end_last(const worker_ptr& worker, proto::TaskState outcome,
                proto::Reason why = proto::REASON_UNSPECIFIED) {
    auto end = ending(worker->got.back(), outcome);
    end.set_reason(why);
    end.mutable_error()->set_message("no such program");
    need(report(worker, end));
  }

  /// Has n1 quarantined, and asking for more.
  void close() {
    for (auto i = 0; i < 3; ++i)
      run_on(n1, proto::FAILED);
    n1->got.clear();
    pull(n1, 4);
  }

  proto::Node look(const std::string& node) {
    proto::Request x;
    x.mutable_nodes();
    auto reply = ask(x);
    for (auto& it : reply.nodes().nodes())
      if (it.name() == node)
        return it;
    return {};
  }

  bool is_quarantined(const std::string& node = "n1") {
    return look(node).quarantined();
  }

  proto::Reply release(const std::string& node) {
    proto::Request x;
    x.mutable_release()->set_node(node);
    return ask(x);
  }

  std::vector<worker_ptr> workers;
  worker_ptr n1;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(job_scheduler_quarantine_tests, fixture)

CAF_TEST(a node on which tasks fail fast gets no more and people see why) {
  close();
  auto id = submit();
  CAF_CHECK(n1->got.empty());
  auto seen = look("n1");
  CAF_CHECK(seen.quarantined());
  CAF_REQUIRE_EQUAL(seen.notes_size(), 3);
  CAF_CHECK(contains(seen.notes(0), "no such program"));
  CAF_CHECK(!is_quarantined("n2"));
  proto::Request why;
  why.mutable_explain()->set_id(id);
  auto explained = ask(why);
  CAF_REQUIRE(explained.explain().lines_size() > 1);
  CAF_CHECK_EQUAL(explained.explain().lines(1),
                  "nodes that could run it are quarantined: n1; 'coppice "
                  "nodes' says why");
  pull(workers[1], 1);
  CAF_CHECK_EQUAL(workers[1]->got.size(), 1u);
}

CAF_TEST(a success between wipes the slate) {
  for (auto i = 0; i < 5; ++i) {
    run_on(n1, proto::FAILED);
    run_on(n1, proto::FAILED);
    run_on(n1, proto::SUCCEEDED);
  }
  CAF_CHECK(!is_quarantined());
}

CAF_TEST(only failures of their own doing count) {
  for (auto i = 0; i < 5; ++i) {
    run_on(n1, proto::FAILED, proto::NODE_STOPPED);
    run_on(n1, proto::FAILED, proto::STALLED);
    run_on(n1, proto::TIMED_OUT);
  }
  // These were to be cancelled when they failed.
  for (auto i = 0; i < 5; ++i) {
    auto id = submit(once());
    pull(n1, 1);
    cancel(id);
    end_last(n1, proto::FAILED);
    CAF_CHECK_EQUAL(task(id).state(), proto::CANCELLED);
  }
  CAF_CHECK(!is_quarantined());
}

CAF_TEST(a failure that is told twice counts once) {
  run_on(n1, proto::FAILED);
  run_on(n1, proto::FAILED);
  for (auto i = 0; i < 3; ++i)
    end_last(n1, proto::FAILED);
  CAF_CHECK(!is_quarantined());
}

CAF_TEST(after its time a node gets one attempt and with that it is free) {
  close();
  ask(submission(once(), 3));
  pass(9'500ms);
  CAF_CHECK(n1->got.empty());
  pass(1s);
  CAF_CHECK_EQUAL(n1->got.size(), 1u);
  pull(n1, 3);
  CAF_CHECK_EQUAL(n1->got.size(), 1u);
  end_last(n1, proto::SUCCEEDED);
  CAF_CHECK_EQUAL(n1->got.size(), 3u);
  CAF_CHECK(!is_quarantined());
}

CAF_TEST(a task that is given with its submit can be the trial) {
  close();
  pass(10'500ms);
  ask(submission(once(), 3));
  CAF_CHECK_EQUAL(n1->got.size(), 1u);
  submit(once());
  CAF_CHECK_EQUAL(n1->got.size(), 1u);
  // It fails: the next one is due after twice the time.
  end_last(n1, proto::FAILED);
  pull(n1, 4);
  pass(19'500ms);
  CAF_CHECK_EQUAL(n1->got.size(), 1u);
  pass(1s);
  CAF_CHECK_EQUAL(n1->got.size(), 2u);
}

CAF_TEST(a trial that is lost is followed by another one) {
  close();
  ask(submission(once(), 9));
  pass_alive(n1, {}, 10'400ms);
  CAF_REQUIRE_EQUAL(n1->got.size(), 1u);
  // Nobody hears of it, and its lease ends.
  pass(1'300ms);
  CAF_CHECK_EQUAL(n1->got.size(), 2u);
  // Its node starts again.
  auto again = connect("n1", 2);
  CAF_CHECK(is_quarantined());
  pull(again, 4);
  CAF_CHECK_EQUAL(again->got.size(), 1u);
}

CAF_TEST(a task that fails on two nodes speaks against neither) {
  auto twice = noop();
  twice.mutable_retry()->set_attempts(2);
  run_on(n1, proto::FAILED);
  run_on(n1, proto::FAILED);
  run_on(n1, proto::FAILED, proto::REASON_UNSPECIFIED, twice);
  CAF_REQUIRE(is_quarantined());
  auto id = n1->ids().back();
  pull(workers[1], 1);
  for (auto due = task(id).due_ms(); wall_clock_ms() <= due;)
    std::this_thread::yield();
  pass(200ms);
  CAF_REQUIRE_EQUAL(workers[1]->got.size(), 1u);
  end_last(workers[1], proto::FAILED);
  CAF_CHECK(!is_quarantined());
  run_on(n1, proto::SUCCEEDED);
}

CAF_TEST(people release a node) {
  enter("n1", 1);
  close();
  submit();
  CAF_CHECK(n1->got.empty());
  CAF_CHECK(release("n1").release().quarantined());
  CAF_CHECK_EQUAL(n1->got.size(), 1u);
  CAF_CHECK(!is_quarantined());
  auto again = release("n1");
  CAF_CHECK(again.has_release());
  CAF_CHECK(!again.release().quarantined());
  auto unknown = release("n9");
  CAF_CHECK_EQUAL(unknown.error().code(), static_cast<uint32_t>(ec::not_found));
  CAF_CHECK(contains(unknown.error().message(), "there is no node 'n9'"));
}

CAF_TEST(a node that was stopped in good order is not bad any more) {
  close();
  auto say = [&](node_state state) {
    node_entry row;
    row.start = {"n1", 1};
    row.state = state;
    auto rows = std::make_shared<const std::vector<node_entry>>(1, row);
    caf::anon_send(scheduler, node_news{rows});
    consume_messages();
  };
  say(node_state::down);
  CAF_CHECK(is_quarantined());
  say(node_state::left);
  CAF_CHECK(!is_quarantined());
}

CAF_TEST(a new leader learns anew) {
  close();
  stop();
  start();
  auto again = connect("n1", 2);
  pull(again, 1);
  submit();
  CAF_CHECK_EQUAL(again->got.size(), 1u);
  CAF_CHECK(!is_quarantined());
}

CAF_TEST(a node that people drain gets nothing and people see why) {
  auto say = [&](std::optional<node_hold> hold) {
    node_entry row;
    row.start = {"n1", 1};
    row.hold = hold;
    auto rows = std::make_shared<const std::vector<node_entry>>(1, row);
    caf::anon_send(scheduler, node_news{rows});
    consume_messages();
  };
  say(node_hold{1, 0});
  pull(n1, 4);
  auto spec = once();
  auto id = submit(spec);
  CAF_CHECK(n1->got.empty());
  proto::Request x;
  x.mutable_explain()->set_id(id);
  auto why = ask(x).explain().lines();
  CAF_CHECK(std::any_of(why.begin(), why.end(), [](auto& line) {
    return contains(line, "could run it are drained, or being regenerated: n1");
  }));
  say(std::nullopt);
  CAF_CHECK_EQUAL(n1->got.size(), 1u);
}

CAF_TEST(tasks that only one node could run do not quarantine it) {
  auto special = make_worker("n4");
  special->labels = {"gpu=yes"};
  hello(special);
  auto spec = once();
  spec.add_labels("gpu=yes");
  for (auto i = 0; i < 5; ++i)
    run_on(special, proto::FAILED, proto::REASON_UNSPECIFIED, spec);
  CAF_CHECK(!is_quarantined("n4"));
}

CAF_TEST_FIXTURE_SCOPE_END()

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/actors/manager_fixture.hpp"

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

uint32_t number(ec x) {
  return static_cast<uint32_t>(x);
}

struct fixture : manager_fixture {
  fixture() {
    start();
  }

  proto::Reply retry(const std::string& id) {
    proto::Request x;
    x.mutable_retry()->add_ids(id);
    return ask(x);
  }

  proto::Reply explain(const std::string& id) {
    proto::Request x;
    x.mutable_explain()->set_id(id);
    return ask(x);
  }

  std::string first_line(const std::string& id) {
    auto reply = explain(id);
    return reply.explain().lines_size() > 0 ? reply.explain().lines(0) : "";
  }

  proto::Reply log_of(const std::string& id) {
    proto::Request x;
    x.mutable_log()->set_id(id);
    return ask(x);
  }

  proto::Reply list(const proto::ListRequest& what) {
    proto::Request x;
    *x.mutable_list() = what;
    return ask(x);
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(manager_clients_tests, fixture)

// -- cancel and retry ---------------------------------------------------------

CAF_TEST(a task that waits is cancelled at once) {
  auto id = submit();
  auto reply = cancel(id);
  CAF_CHECK_EQUAL(reply.cancel().items(0).id(), id);
  CAF_CHECK_EQUAL(reply.cancel().items(0).state(), proto::CANCELLED);
  auto worker = connect();
  pull(worker, 4);
  CAF_CHECK(worker->got.empty());
}

CAF_TEST(a task that is leased is cancelled by its node) {
  auto worker = connect();
  auto id = submit();
  pull(worker, 1);
  CAF_REQUIRE_EQUAL(worker->got.size(), 1u);
  auto reply = cancel(id);
  CAF_CHECK_EQUAL(reply.cancel().items(0).state(), proto::LEASED);
  CAF_REQUIRE_EQUAL(worker->stops.size(), 1u);
  CAF_CHECK_EQUAL(worker->stops[0].reason(), proto::CANCEL_REQUESTED);
  CAF_CHECK(task(id).cancel_requested());
  report(worker, ending(worker->got[0], proto::CANCELLED));
  CAF_CHECK_EQUAL(task(id).state(), proto::CANCELLED);
}

CAF_TEST(a node that does not stop a cancelled task is not waited for) {
  auto worker = connect();
  auto id = submit();
  pull(worker, 1);
  alive(worker, worker->got);
  cancel(id);
  pass_alive(worker, worker->got, 2s);
  CAF_CHECK_EQUAL(task(id).state(), proto::CANCELLED);
}

CAF_TEST(a task that has ended cannot be cancelled) {
  auto id = submit();
  cancel(id);
  auto reply = cancel(id);
  CAF_CHECK_EQUAL(reply.cancel().items(0).error().code(), number(ec::conflict));
}

CAF_TEST(a cancelled task can be tried again) {
  auto worker = connect();
  pull(worker, 1);
  auto id = submit();
  // The first of its class went through the queue.
  report(worker, ending(worker->got[0], proto::SUCCEEDED));
  CAF_CHECK_EQUAL(retry(id).retry().items(0).error().code(),
                  number(ec::conflict));
  auto other = submit();
  cancel(other);
  CAF_CHECK(!retry(other).retry().items(0).has_error());
  pull(worker, 1);
  CAF_REQUIRE_EQUAL(worker->got.size(), 2u);
  auto ids = worker->ids();
  CAF_CHECK_EQUAL(ids[1], other);
}

CAF_TEST(a retry goes to a pull that waits) {
  auto id = submit();
  cancel(id);
  auto worker = connect();
  pull(worker, 1);
  CAF_CHECK(worker->got.empty());
  retry(id);
  CAF_CHECK_EQUAL(worker->got.size(), 1u);
}

// -- ids ----------------------------------------------------------------------

CAF_TEST(an unknown id is an error of its item) {
  proto::Request x;
  x.mutable_get()->add_ids("1.1.99");
  x.mutable_get()->add_ids(submit());
  auto reply = ask(x);
  CAF_CHECK_EQUAL(reply.get().items(0).error().code(), number(ec::not_found));
  CAF_CHECK(reply.get().items(1).has_task());
  auto cancelled = cancel("1.1.99");
  CAF_CHECK_EQUAL(cancelled.cancel().items(0).error().code(),
                  number(ec::not_found));
  auto retried = retry("1.1.99");
  CAF_CHECK_EQUAL(retried.retry().items(0).error().code(),
                  number(ec::not_found));
  CAF_CHECK_EQUAL(explain("1.1.99").error().code(), number(ec::not_found));
  CAF_CHECK_EQUAL(log_of("1.1.99").error().code(), number(ec::not_found));
}

CAF_TEST(what is no id is refused) {
  for (auto text : {"", "x", "1.1", "1.1.1.1", "1.1.-1", "\xff"}) {
    auto cancelled = cancel(text);
    CAF_REQUIRE_EQUAL(cancelled.cancel().items_size(), 1);
    CAF_CHECK_EQUAL(cancelled.cancel().items(0).error().code(),
                    number(ec::invalid_argument));
    CAF_CHECK_EQUAL(explain(text).error().code(), number(ec::invalid_argument));
    CAF_CHECK_EQUAL(log_of(text).error().code(), number(ec::invalid_argument));
  }
}

CAF_TEST(more than a thousand ids are refused) {
  proto::Request x;
  for (auto i = 0; i < 1'001; ++i)
    x.mutable_cancel()->add_ids("1.1.1");
  CAF_CHECK_EQUAL(ask(x).error().code(), number(ec::invalid_argument));
  x.set_group(shard_group(0)); // As another manager would pass it on.
  CAF_CHECK_EQUAL(ask(x).error().code(), number(ec::invalid_argument));
}

CAF_TEST(a request without a kind is refused) {
  CAF_CHECK_EQUAL(ask({}).error().code(), number(ec::protocol_violation));
}

// -- list and nodes -----------------------------------------------------------

CAF_TEST(lists come in pages) {
  ask(submission(noop(), 7));
  proto::ListRequest what;
  what.set_limit(3);
  auto seen = 0;
  for (auto pages = 0; pages < 5; ++pages) {
    auto page = list(what);
    seen += page.list().tasks_size();
    what.set_after(page.list().next());
    if (what.after().empty())
      break;
  }
  CAF_CHECK_EQUAL(seen, 7);
  what.set_after("nonsense");
  CAF_CHECK_EQUAL(list(what).error().code(), number(ec::invalid_argument));
}

CAF_TEST(a list can be of the running tasks) {
  auto worker = connect();
  ask(submission(noop(), 3));
  pull(worker, 2);
  CAF_REQUIRE_EQUAL(worker->got.size(), 2u);
  alive(worker, {worker->got[0]});
  proto::ListRequest what;
  what.add_states(proto::RUNNING);
  auto running = list(what);
  CAF_REQUIRE_EQUAL(running.list().tasks_size(), 1);
  auto ids = worker->ids();
  CAF_CHECK_EQUAL(running.list().tasks(0).id(), ids[0]);
  what.set_states(0, proto::LEASED);
  CAF_CHECK_EQUAL(list(what).list().tasks_size(), 1);
}

CAF_TEST(nodes are listed with what they hold) {
  auto worker = connect();
  connect("n2");
  submit();
  pull(worker, 1);
  proto::Request x;
  x.mutable_nodes();
  auto reply = ask(x);
  CAF_REQUIRE_EQUAL(reply.nodes().nodes_size(), 2);
  CAF_CHECK_EQUAL(reply.nodes().nodes(0).leased(), 1u);
  CAF_CHECK(reply.nodes().nodes(0).connected());
  disconnect(worker);
  reply = ask(x);
  CAF_CHECK(!reply.nodes().nodes(0).connected());
}

// -- explain ------------------------------------------------------------------

CAF_TEST(explain says that there is no worker) {
  CAF_CHECK_EQUAL(first_line(submit()),
                  std::string{"no connected worker takes tasks"});
}

CAF_TEST(explain says that nobody runs the kind) {
  auto worker = make_worker();
  worker->kinds = {"exec"};
  hello(worker);
  pull(worker, 4);
  CAF_CHECK_EQUAL(first_line(submit()),
                  std::string{"the only connected worker does not run the "
                              "kind 'noop'"});
}

CAF_TEST(explain says which label is missing) {
  auto worker = connect();
  pull(worker, 4);
  auto spec = noop();
  spec.add_labels("gpu=yes");
  CAF_CHECK_EQUAL(first_line(submit(spec)),
                  std::string{"no connected worker that runs the kind 'noop' "
                              "has the labels it asks for: gpu=yes"});
}

CAF_TEST(explain says that all are busy) {
  auto worker = connect();
  pull(worker, 1);
  submit();
  CAF_CHECK_EQUAL(first_line(submit()),
                  std::string{"the only worker that can run it is busy"});
}

CAF_TEST(explain tells of a pause and what it is for) {
  auto spec = noop();
  *spec.mutable_retry()->mutable_backoff() = to_proto(50s);
  auto worker = connect();
  auto id = submit(spec);
  pull(worker, 1);
  report(worker, ending(worker->got[0], proto::FAILED));
  auto reply = explain(id);
  CAF_REQUIRE_EQUAL(reply.explain().lines_size(), 2);
  CAF_CHECK_EQUAL(reply.explain().lines(0).rfind("it pauses before", 0), 0u);
  CAF_CHECK_EQUAL(reply.explain().lines(1),
                  std::string{"attempt 1 ended: the attempt failed"});
  CAF_CHECK_EQUAL(reply.explain().task().id(), id);
}

CAF_TEST(explain tells what runs from what was given away) {
  auto worker = connect();
  auto id = submit();
  pull(worker, 1);
  auto given = explain(id).explain();
  CAF_CHECK_EQUAL(given.task().state(), proto::LEASED);
  CAF_REQUIRE_EQUAL(given.lines_size(), 1);
  CAF_CHECK(given.lines(0).find("has not said") != std::string::npos);
  auto out = news(worker);
  auto& attempt = *out.add_attempts();
  *attempt.mutable_ref() = worker->got[0].ref();
  attempt.mutable_progress()->set_percent(40);
  attempt.mutable_progress()->set_changed_ms(1);
  need(request<proto::ReportAck>(tracker, out));
  auto running = explain(id).explain();
  CAF_CHECK_EQUAL(running.task().state(), proto::RUNNING);
  CAF_REQUIRE_EQUAL(running.lines_size(), 2);
  CAF_CHECK_EQUAL(running.lines(0).rfind("attempt 1 runs on node n1", 0), 0u);
  CAF_CHECK_EQUAL(running.lines(1).rfind("it is at 40%", 0), 0u);
}

CAF_TEST(explain says how a task has ended) {
  auto worker = connect();
  auto id = submit();
  pull(worker, 1);
  report(worker, ending(worker->got[0], proto::SUCCEEDED));
  auto ended = explain(id).explain();
  CAF_CHECK_EQUAL(ended.task().state(), proto::SUCCEEDED);
  CAF_REQUIRE_EQUAL(ended.lines_size(), 1);
  CAF_CHECK_EQUAL(ended.lines(0), "it has ended: completed");
}

// -- logs ---------------------------------------------------------------------

CAF_TEST(the output of an attempt comes from its node) {
  auto worker = connect();
  auto id = submit();
  CAF_CHECK_EQUAL(log_of(id).error().code(), number(ec::not_found));
  pull(worker, 1);
  auto reply = log_of(id);
  CAF_CHECK_EQUAL(reply.log().data(), "output of " + id);
  CAF_REQUIRE_EQUAL(worker->logs.size(), 1u);
  CAF_CHECK_EQUAL(worker->logs[0].attempt(), 1u);
}

CAF_TEST(the output on a node that is not connected cannot be had) {
  auto worker = connect();
  auto id = submit();
  pull(worker, 1);
  disconnect(worker);
  auto reply = log_of(id);
  CAF_CHECK_EQUAL(reply.error().code(), number(ec::unreachable));
  CAF_CHECK(reply.error().message().find("n1") != std::string::npos);
}

CAF_TEST_FIXTURE_SCOPE_END()

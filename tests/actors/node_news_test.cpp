// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// What a shard makes of the list of nodes.

#include "actors/job_scheduler.hpp"
#include "actors/task_tracker.hpp"
#include "tests/actors/manager_fixture.hpp"

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

struct fixture : manager_fixture {
  fixture() {
    // Nothing ends by silence.
    tracker_options.lease = 1h;
    start();
    worker = make_worker();
    worker->kinds = {"noop", "exclusive"};
    hello(worker);
  }

  /// Leases a task of *kind* to the worker.
  std::string lease(const std::string& kind) {
    auto spec = noop();
    spec.set_kind(kind);
    pull(worker, 1);
    return submit(spec);
  }

  void tell(node_state state, down_cause cause, uint64_t incarnation = 1) {
    node_entry row;
    row.start = {"n1", incarnation};
    row.state = state;
    row.cause = cause;
    node_news news{
      std::make_shared<const std::vector<node_entry>>(1, std::move(row))};
    self->send(tracker, news);
    self->send(scheduler, news);
    consume_messages();
  }

  proto::Reason reason_of(const std::string& id) {
    auto x = task(id);
    return x.attempts_size() > 0 ? x.attempts(0).reason()
                                 : proto::REASON_UNSPECIFIED;
  }

  worker_ptr worker;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(node_news_tests, fixture)

CAF_TEST(silence and a good end prove nothing) {
  auto id = lease("noop");
  tell(node_state::down, down_cause::silent);
  tell(node_state::left, down_cause::none);
  CAF_CHECK_EQUAL(task(id).state(), proto::LEASED);
}

CAF_TEST(a refused connection ends all leases but exclusive ones) {
  auto id = lease("noop");
  auto exclusive = lease("exclusive");
  CAF_REQUIRE_EQUAL(task(exclusive).state(), proto::LEASED);
  tell(node_state::down, down_cause::refused);
  CAF_CHECK_EQUAL(reason_of(id), proto::NODE_GONE);
  CAF_CHECK_EQUAL(task(exclusive).state(), proto::LEASED);
  // The same once more changes nothing.
  tell(node_state::down, down_cause::refused);
  CAF_CHECK_EQUAL(task(id).attempts_size(), 1);
}

CAF_TEST(a later start ends all leases when it says hello) {
  auto id = lease("noop");
  auto exclusive = lease("exclusive");
  tell(node_state::healthy, down_cause::none, 2);
  // It may bring their ends.
  CAF_CHECK_EQUAL(task(id).state(), proto::LEASED);
  CAF_CHECK_EQUAL(task(exclusive).state(), proto::LEASED);
  connect("n1", 2);
  CAF_CHECK_EQUAL(reason_of(id), proto::NODE_GONE);
  CAF_CHECK_EQUAL(reason_of(exclusive), proto::NODE_GONE);
}

CAF_TEST(an end of an earlier start does not concern a later one) {
  auto later = connect("n1", 2);
  pull(later, 1);
  auto id = submit();
  tell(node_state::down, down_cause::refused);
  CAF_CHECK_EQUAL(task(id).state(), proto::LEASED);
}

CAF_TEST(a node that is down is given nothing until it is healthy) {
  pull(worker, 2);
  tell(node_state::down, down_cause::silent);
  auto id = submit();
  CAF_CHECK_EQUAL(task(id).state(), proto::WAITING);
  pull(worker, 2);
  CAF_CHECK_EQUAL(task(id).state(), proto::WAITING);
  tell(node_state::healthy, down_cause::none);
  CAF_CHECK_EQUAL(task(id).state(), proto::LEASED);
}

CAF_TEST_FIXTURE_SCOPE_END()

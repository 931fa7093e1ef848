// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/error.hpp"
#include "tests/storage/machine.hpp"

#include <caf/test/unit_test.hpp>

#include <string>

using namespace coppice;

namespace {

struct fixture : test::machine {};

} // namespace

CAF_TEST_FIXTURE_SCOPE(state_machine_lease_tests, fixture)

CAF_TEST(a lease takes a task out of its queue) {
  enrol("n1", 1);
  auto id = submit().id();
  now_ms += 10;
  auto out = lease(id, 1);
  CAF_CHECK(out.granted());
  CAF_CHECK_EQUAL(out.first_leased_ms(), now_ms);
  CAF_CHECK(!out.has_checkpoint());
  auto row = this->row(id);
  CAF_CHECK_EQUAL(row.state(), proto::LEASED);
  CAF_CHECK_EQUAL(row.attempt(), 1u);
  CAF_CHECK_EQUAL(row.leased_ms(), now_ms);
  CAF_CHECK_EQUAL(row.node(), 1u);
  CAF_CHECK(!queued(id));
  read([](const table_view& view) {
    CAF_CHECK_EQUAL(get_live(view, 1).size(), 1u);
    CAF_CHECK(get_queues(view).empty());
    return 0;
  });
}

CAF_TEST(a task is leased once) {
  auto id = leased_task();
  CAF_CHECK(!lease(id, 1).granted());
  CAF_CHECK(!lease(id, 2).granted());
  CAF_CHECK_EQUAL(row(id).attempt(), 1u);
}

CAF_TEST(only the next attempt can be leased) {
  enrol("n1", 1);
  auto id = submit().id();
  CAF_CHECK(!lease(id, 0).granted());
  CAF_CHECK(!lease(id, 2).granted());
  CAF_CHECK(lease(id, 1).granted());
}

CAF_TEST(only a registered incarnation gets a task) {
  enrol("n1", 2);
  auto id = submit().id();
  CAF_CHECK(!lease(id, 1, "n1", 1).granted());
  CAF_CHECK(!lease(id, 1, "n1", 3).granted());
  CAF_CHECK(!lease(id, 1, "n2", 2).granted());
  CAF_CHECK(!lease(id, 1, "", 0).granted());
  CAF_CHECK(lease(id, 1, "n1", 2).granted());
}

CAF_TEST(a task that is unknown or ended or pauses is not leased) {
  auto id = leased_task();
  finish(id, 1, proto::FAILED);
  CAF_CHECK(row(id).due_ms() > now_ms);
  CAF_CHECK(!lease(id, 2).granted());
  cancel(id);
  CAF_CHECK(!lease(id, 2).granted());
  proto::TaskRef stranger;
  stranger.set_product(9);
  CAF_CHECK(!lease(stranger, 1).granted());
}

CAF_TEST(one command leases to several nodes) {
  enrol("n1", 1);
  enrol("n2", 7);
  proto::Command x;
  for (auto i = 0; i < 4; ++i) {
    auto& one = *x.mutable_lease()->add_items();
    *one.mutable_id() = submit().id();
    one.set_attempt(1);
    one.set_node(i % 2 ? "n1" : "n2");
    one.set_incarnation(i % 2 ? 1 : 7);
  }
  x.mutable_lease()->mutable_items(3)->set_incarnation(7);
  auto out = run(x).lease();
  CAF_REQUIRE_EQUAL(out.items_size(), 4);
  for (auto i = 0; i < 4; ++i)
    CAF_CHECK_EQUAL(out.items(i).granted(), i != 3);
  CAF_CHECK_EQUAL(row(x.lease().items(1).id()).node(), 1u);
  CAF_CHECK_EQUAL(row(x.lease().items(2).id()).node(), 2u);
}

CAF_TEST(a later attempt is told the checkpoint and the first lease) {
  auto id = leased_task();
  auto first = now_ms;
  CAF_CHECK(!save(id, 1, 1, 0, "data", 4).code());
  finish(id, 1, proto::FAILED);
  now_ms += 100'000;
  CAF_REQUIRE(wake(id).queued());
  auto out = lease(id, 2);
  CAF_CHECK(out.granted());
  CAF_CHECK_EQUAL(out.first_leased_ms(), first);
  CAF_CHECK_EQUAL(out.checkpoint().attempt(), 1u);
  CAF_CHECK_EQUAL(out.checkpoint().size(), 4u);
}

CAF_TEST_FIXTURE_SCOPE_END()

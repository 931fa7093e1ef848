// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/error.hpp"
#include "tests/storage/machine.hpp"

#include <caf/test/unit_test.hpp>

#include <string>

using namespace coppice;

namespace {

struct fixture : test::machine {};

uint32_t code(ec x) {
  return static_cast<uint32_t>(x);
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(state_machine_cancel_tests, fixture)

// -- cancel -------------------------------------------------------------------

CAF_TEST(a queued task is cancelled at once) {
  auto id = submit().id();
  auto out = cancel(id);
  CAF_CHECK(!out.has_error());
  CAF_CHECK_EQUAL(out.state(), proto::CANCELLED);
  CAF_CHECK_EQUAL(row(id).state(), proto::CANCELLED);
  CAF_CHECK_EQUAL(row(id).reason(), proto::CANCEL_REQUESTED);
  CAF_CHECK(!queued(id));
  CAF_CHECK(attempts(id).empty());
}

CAF_TEST(a task in a pause is cancelled at once) {
  auto id = leased_task();
  finish(id, 1, proto::FAILED);
  CAF_CHECK_EQUAL(cancel(id).state(), proto::CANCELLED);
  CAF_CHECK_EQUAL(row(id).due_ms(), 0);
  read([](const table_view& view) {
    CAF_CHECK(!first_due(view));
    return 0;
  });
}

CAF_TEST(a leased task is marked and its node named) {
  auto id = leased_task();
  for (auto i = 0; i < 2; ++i) {
    auto out = cancel(id);
    CAF_CHECK(!out.has_error());
    CAF_CHECK_EQUAL(out.state(), proto::LEASED);
    CAF_CHECK_EQUAL(out.node(), "n1");
    CAF_CHECK_EQUAL(out.attempt(), 1u);
    CAF_CHECK(row(id).cancel_requested());
  }
}

CAF_TEST(what has ended or is unknown is not cancelled) {
  auto id = leased_task();
  finish(id, 1, proto::SUCCEEDED);
  auto out = cancel(id);
  CAF_CHECK_EQUAL(out.error().code(), code(ec::conflict));
  CAF_CHECK_EQUAL(out.error().message(), "task 1.1.1 has already succeeded");
  auto other = submit().id();
  cancel(other);
  out = cancel(other);
  CAF_CHECK_EQUAL(out.error().message(), "task 1.1.2 was already cancelled");
  proto::TaskRef stranger;
  stranger.set_product(9);
  out = cancel(stranger);
  CAF_CHECK_EQUAL(out.error().code(), code(ec::not_found));
  CAF_CHECK_EQUAL(
    out.error().message(),
    "there is no task 9.0.0; ended tasks are kept for history.keep");
}

// -- retry --------------------------------------------------------------------

CAF_TEST(a retry by people starts afresh with the next attempt) {
  auto id = leased_task();
  cancel(id);
  finish(id, 1, proto::CANCELLED);
  now_ms += 1'000;
  auto out = retry(id);
  CAF_CHECK(!out.has_error());
  CAF_CHECK_EQUAL(out.task_class(), 1u);
  auto row = this->row(id);
  CAF_CHECK_EQUAL(row.state(), proto::WAITING);
  CAF_CHECK_EQUAL(row.reason(), proto::RETRY_REQUESTED);
  CAF_CHECK_EQUAL(row.tries(), 0u);
  CAF_CHECK_EQUAL(row.attempt(), 1u);
  CAF_CHECK_EQUAL(row.first_leased_ms(), 0);
  CAF_CHECK(!row.cancel_requested());
  CAF_CHECK(queued(id));
  auto again = lease(id, 2);
  CAF_CHECK(again.granted());
  CAF_CHECK_EQUAL(again.first_leased_ms(), now_ms);
}

CAF_TEST(each end but success can be retried) {
  for (auto end : {proto::CANCELLED, proto::TIMED_OUT}) {
    auto id = leased_task();
    finish(id, 1, end);
    CAF_CHECK(!retry(id).has_error());
  }
  auto id = submit().id();
  cancel(id);
  CAF_CHECK(!retry(id).has_error());
  CAF_CHECK(queued(id));
}

CAF_TEST(what has succeeded or not ended or is unknown is not retried) {
  auto id = submit().id();
  CAF_CHECK_EQUAL(retry(id).error().code(), code(ec::conflict));
  id = leased_task();
  CAF_CHECK_EQUAL(retry(id).error().code(), code(ec::conflict));
  finish(id, 1, proto::SUCCEEDED);
  CAF_CHECK_EQUAL(retry(id).error().code(), code(ec::conflict));
  proto::TaskRef stranger;
  CAF_CHECK_EQUAL(retry(stranger).error().code(), code(ec::not_found));
}

// -- wake ---------------------------------------------------------------------

CAF_TEST(a pause ends when its time has come and not before) {
  auto id = leased_task();
  auto due = finish(id, 1, proto::FAILED).due_ms();
  now_ms = due - 1;
  CAF_CHECK(!wake(id).queued());
  CAF_CHECK(!queued(id));
  now_ms = due;
  auto out = wake(id);
  CAF_CHECK(out.queued());
  CAF_CHECK_EQUAL(out.task_class(), 1u);
  CAF_CHECK(queued(id));
  CAF_CHECK_EQUAL(row(id).due_ms(), 0);
  CAF_CHECK(!wake(id).queued());
  read([](const table_view& view) {
    CAF_CHECK(!first_due(view));
    return 0;
  });
}

CAF_TEST(what does not pause is not woken) {
  auto id = submit().id();
  CAF_CHECK(!wake(id).queued());
  id = leased_task();
  CAF_CHECK(!wake(id).queued());
  CAF_CHECK(!wake(proto::TaskRef{}).queued());
}

CAF_TEST_FIXTURE_SCOPE_END()

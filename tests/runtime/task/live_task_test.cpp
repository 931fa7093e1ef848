// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/live_task.hpp"

#include <caf/test/unit_test.hpp>

using namespace coppice;

namespace {

/// In its second attempt, with the progress of a checkpoint of the first.
proto::Task leased() {
  proto::Task x;
  x.set_state(proto::LEASED);
  x.set_attempt(2);
  x.mutable_progress()->set_percent(10);
  x.add_attempts()->set_number(1);
  x.add_attempts()->set_number(2);
  x.mutable_attempts(1)->set_outcome(proto::LEASED);
  return x;
}

lease_book::held running() {
  lease_book::held x;
  x.started = true;
  x.started_ms = 4711;
  return x;
}

} // namespace

CAF_TEST(what has started runs) {
  auto x = leased();
  auto held = running();
  merge_live(&held, x);
  CAF_CHECK_EQUAL(x.state(), proto::RUNNING);
  CAF_CHECK_EQUAL(x.attempts(1).outcome(), proto::RUNNING);
  CAF_CHECK_EQUAL(x.attempts(1).started_ms(), 4711);
  CAF_CHECK_EQUAL(x.attempts(0).started_ms(), 0);
}

CAF_TEST(reported progress replaces that of the checkpoint) {
  auto x = leased();
  auto held = running();
  merge_live(&held, x);
  CAF_CHECK_EQUAL(x.progress().percent(), 10.0); // None was reported.
  x = leased();
  held.progress.set_percent(40);
  held.progress.set_changed_ms(1);
  merge_live(&held, x);
  CAF_CHECK_EQUAL(x.progress().percent(), 40.0);
  CAF_CHECK_EQUAL(x.attempts(1).progress().percent(), 40.0);
}

CAF_TEST(what has not started stays leased) {
  auto x = leased();
  lease_book::held held;
  merge_live(&held, x);
  CAF_CHECK_EQUAL(x.state(), proto::LEASED);
}

CAF_TEST(a task without its attempts is merged as well) {
  auto x = leased();
  x.clear_attempts();
  auto held = running();
  merge_live(&held, x);
  CAF_CHECK_EQUAL(x.state(), proto::RUNNING);
}

CAF_TEST(a task that nobody follows or that has ended stays as it is) {
  auto x = leased();
  merge_live(nullptr, x);
  CAF_CHECK_EQUAL(x.state(), proto::LEASED);
  x.set_state(proto::SUCCEEDED);
  auto held = running();
  merge_live(&held, x);
  CAF_CHECK_EQUAL(x.state(), proto::SUCCEEDED);
}

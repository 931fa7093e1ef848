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

CAF_TEST_FIXTURE_SCOPE(state_machine_finish_tests, fixture)

CAF_TEST(a success ends the task and is kept as an attempt) {
  auto id = leased_task();
  auto leased = now_ms;
  now_ms += 50;
  auto x = ending(id, 1, proto::SUCCEEDED);
  x.set_result("made it");
  x.set_exit_status(0);
  x.set_started_ms(leased + 1);
  x.set_resumed_bytes(-1);
  x.mutable_progress()->set_percent(100);
  auto out = finish(x);
  CAF_CHECK(!out.fenced());
  CAF_CHECK_EQUAL(out.state(), proto::SUCCEEDED);
  CAF_CHECK_EQUAL(out.reason(), proto::COMPLETED);
  auto row = this->row(id);
  CAF_CHECK_EQUAL(row.state(), proto::SUCCEEDED);
  CAF_CHECK_EQUAL(row.changed_ms(), now_ms);
  auto all = attempts(id);
  CAF_REQUIRE_EQUAL(all.size(), 1u);
  CAF_CHECK_EQUAL(all[0].number(), 1u);
  CAF_CHECK_EQUAL(all[0].node(), "n1");
  CAF_CHECK_EQUAL(all[0].incarnation(), 1u);
  CAF_CHECK_EQUAL(all[0].leased_ms(), leased);
  CAF_CHECK_EQUAL(all[0].started_ms(), leased + 1);
  CAF_CHECK_EQUAL(all[0].ended_ms(), now_ms);
  CAF_CHECK_EQUAL(all[0].outcome(), proto::SUCCEEDED);
  CAF_CHECK_EQUAL(all[0].result(), "made it");
  CAF_CHECK_EQUAL(all[0].resumed_bytes(), -1);
  CAF_CHECK_EQUAL(all[0].progress().percent(), 100.0);
  read([](const table_view& view) {
    CAF_CHECK(get_all_live(view).empty());
    return 0;
  });
}

CAF_TEST(a repeated result changes nothing) {
  auto id = leased_task();
  finish(id, 1, proto::SUCCEEDED);
  auto before = test::dump(store());
  auto out = finish(id, 1, proto::SUCCEEDED);
  CAF_CHECK(out.repeated());
  CAF_CHECK(!out.fenced());
  CAF_CHECK_EQUAL(out.state(), proto::SUCCEEDED);
  CAF_CHECK(test::dump(store()) == before);
}

CAF_TEST(a result of an attempt that is not the current one is fenced) {
  auto id = leased_task();
  auto fenced = [&](const proto::FinishCommand::Item& x) {
    auto before = node("n1").fenced();
    auto task = row(id).SerializeAsString();
    auto out = finish(x);
    CAF_CHECK(out.fenced());
    CAF_CHECK(!out.repeated());
    CAF_CHECK_EQUAL(node("n1").fenced(), before + 1);
    CAF_CHECK_EQUAL(row(id).SerializeAsString(), task);
  };
  fenced(ending(id, 2, proto::SUCCEEDED));
  fenced(ending(id, 0, proto::SUCCEEDED));
  finish(id, 1, proto::FAILED);
  fenced(ending(id, 2, proto::SUCCEEDED));
  now_ms += 100'000;
  wake(id);
  lease(id, 2);
  fenced(ending(id, 1, proto::SUCCEEDED));
  fenced(ending(id, 1, proto::FAILED));
  proto::TaskRef stranger;
  stranger.set_product(9);
  fenced(ending(stranger, 1, proto::SUCCEEDED));
}

CAF_TEST(a result that comes after a judgement is fenced and not repeated) {
  auto id = leased_task();
  auto judged = ending(id, 1, proto::FAILED, "");
  judged.set_reason(proto::LEASE_EXPIRED);
  CAF_CHECK(!finish(judged).fenced());
  CAF_CHECK(finish(id, 1, proto::SUCCEEDED).fenced());
  CAF_CHECK(finish(id, 1, proto::FAILED).fenced());
  CAF_CHECK_EQUAL(node("n1").fenced(), 2u);
  CAF_CHECK(finish(judged).repeated());
  CAF_CHECK(attempts(id).at(0).node() == "n1");
}

CAF_TEST(only the node that holds the lease ends it) {
  auto id = leased_task();
  enrol("n2", 1);
  CAF_CHECK(finish(id, 1, proto::SUCCEEDED, "n2").fenced());
  CAF_CHECK(finish(id, 1, proto::SUCCEEDED, "n3").fenced());
  CAF_CHECK_EQUAL(node("n2").fenced(), 1u);
  CAF_CHECK_EQUAL(node("n1").fenced(), 0u);
  CAF_CHECK_EQUAL(row(id).state(), proto::LEASED);
}

CAF_TEST(the leader is not counted as fenced) {
  auto id = leased_task();
  CAF_CHECK(finish(id, 2, proto::FAILED, "").fenced());
  CAF_CHECK_EQUAL(node("n1").fenced(), 0u);
}

CAF_TEST(a failure waits for its pause and then fails for good) {
  auto id = leased_task();
  auto out = finish(id, 1, proto::FAILED);
  CAF_CHECK_EQUAL(out.state(), proto::WAITING);
  CAF_CHECK_EQUAL(out.reason(), proto::ATTEMPT_FAILED);
  CAF_CHECK(out.due_ms() >= now_ms + 500);
  CAF_CHECK(out.due_ms() <= now_ms + 1'000);
  CAF_CHECK(!queued(id));
  CAF_CHECK_EQUAL(row(id).tries(), 1u);
  read([&](const table_view& view) {
    CAF_CHECK(first_due(view) == due_task({out.due_ms(), key(id)}));
    return 0;
  });
  now_ms = out.due_ms();
  CAF_CHECK(wake(id).queued());
  CAF_CHECK(lease(id, 2).granted());
  out = finish(id, 2, proto::FAILED);
  CAF_CHECK_EQUAL(out.state(), proto::FAILED);
  CAF_CHECK_EQUAL(out.reason(), proto::ATTEMPTS_EXHAUSTED);
  CAF_CHECK_EQUAL(out.due_ms(), 0);
  CAF_CHECK_EQUAL(attempts(id).size(), 2u);
}

CAF_TEST(a final error ends the task at once) {
  enrol("n1", 1);
  auto x = item();
  proto::TaskSpec spec;
  spec.set_kind("noop");
  spec.mutable_retry()->add_final_errors("exit_2");
  x.set_spec(spec.SerializeAsString());
  auto id = submit(x).id();
  lease(id, 1);
  auto end = ending(id, 1, proto::FAILED);
  end.mutable_error()->set_code("exit_2");
  auto out = finish(end);
  CAF_CHECK_EQUAL(out.state(), proto::FAILED);
  CAF_CHECK_EQUAL(out.reason(), proto::FINAL_ERROR);
}

CAF_TEST(what the spec leaves out of the retry policy comes from the kind) {
  proto::Command x;
  x.mutable_register_()->set_node("n1");
  x.mutable_register_()->set_incarnation(1);
  auto& kind = *x.mutable_register_()->add_kinds();
  kind.set_name("noop");
  kind.mutable_retry()->set_attempts(1);
  run(x);
  auto one = item();
  proto::TaskSpec spec;
  spec.set_kind("noop");
  one.set_spec(spec.SerializeAsString());
  auto id = submit(one).id();
  lease(id, 1);
  CAF_CHECK_EQUAL(finish(id, 1, proto::FAILED).state(), proto::FAILED);
}

CAF_TEST(an attempt that never started does not count and pauses longer) {
  auto id = leased_task();
  int64_t last = 0;
  for (uint32_t attempt = 1; attempt <= 12; ++attempt) {
    auto x = ending(id, attempt, proto::FAILED);
    x.set_started(false);
    x.set_reason(proto::REFUSED_BY_NODE);
    auto out = finish(x);
    CAF_REQUIRE_EQUAL(out.state(), proto::WAITING);
    CAF_CHECK_EQUAL(out.reason(), proto::REFUSED_BY_NODE);
    auto pause = out.due_ms() - now_ms;
    CAF_CHECK(pause >= 250 && pause <= 16'000 && pause >= last);
    last = pause;
    now_ms = out.due_ms();
    wake(id);
    CAF_REQUIRE(lease(id, attempt + 1).granted());
  }
  CAF_CHECK_EQUAL(last, 16'000);
  CAF_CHECK_EQUAL(row(id).tries(), 0u);
}

CAF_TEST(an attempt whose node was stopped in order does not count) {
  auto id = leased_task(); // With two attempts.
  for (uint32_t attempt = 1; attempt <= 4; ++attempt) {
    auto x = ending(id, attempt, proto::FAILED);
    x.set_reason(proto::NODE_STOPPED);
    auto out = finish(x);
    CAF_REQUIRE_EQUAL(out.state(), proto::WAITING);
    CAF_CHECK_EQUAL(out.reason(), proto::NODE_STOPPED);
    CAF_CHECK_EQUAL(out.due_ms() - now_ms, 250 << (attempt - 1));
    now_ms = out.due_ms();
    wake(id);
    CAF_REQUIRE(lease(id, attempt + 1).granted());
  }
  CAF_CHECK_EQUAL(row(id).tries(), 0u);
  // A failure of its own counts as ever.
  CAF_CHECK_EQUAL(finish(id, 5, proto::FAILED).state(), proto::WAITING);
  CAF_CHECK_EQUAL(row(id).tries(), 1u);
}

CAF_TEST(a task that moves from a drained node need not wait) {
  auto id = leased_task();
  auto x = ending(id, 1, proto::FAILED);
  x.set_reason(proto::NODE_DRAINED);
  auto out = finish(x);
  CAF_CHECK_EQUAL(out.state(), proto::WAITING);
  CAF_CHECK_EQUAL(out.due_ms(), 0);
  CAF_CHECK(lease(id, 2).granted());
  CAF_CHECK_EQUAL(row(id).tries(), 0u);
}

CAF_TEST(a cancelled task does not outlive the stop of its node) {
  auto id = leased_task();
  cancel(id);
  auto x = ending(id, 1, proto::FAILED);
  x.set_reason(proto::NODE_STOPPED);
  CAF_CHECK_EQUAL(finish(x).state(), proto::CANCELLED);
}

CAF_TEST(a failure of a cancelled task ends it as cancelled) {
  auto id = leased_task();
  cancel(id);
  auto out = finish(id, 1, proto::FAILED);
  CAF_CHECK_EQUAL(out.state(), proto::CANCELLED);
  CAF_CHECK_EQUAL(out.reason(), proto::CANCEL_REQUESTED);
  CAF_CHECK_EQUAL(attempts(id).at(0).outcome(), proto::FAILED);
}

CAF_TEST(a success of a cancelled task is a success) {
  auto id = leased_task();
  cancel(id);
  CAF_CHECK_EQUAL(finish(id, 1, proto::SUCCEEDED).state(), proto::SUCCEEDED);
}

CAF_TEST(cancelled and timed out attempts end the task) {
  auto id = leased_task();
  auto out = finish(id, 1, proto::CANCELLED);
  CAF_CHECK_EQUAL(out.state(), proto::CANCELLED);
  CAF_CHECK_EQUAL(out.reason(), proto::CANCEL_REQUESTED);
  id = leased_task();
  out = finish(id, 1, proto::TIMED_OUT);
  CAF_CHECK_EQUAL(out.state(), proto::TIMED_OUT);
  CAF_CHECK_EQUAL(out.reason(), proto::TOTAL_TIMEOUT);
}

CAF_TEST(an outcome that is none counts as a failure) {
  for (auto wild : {proto::WAITING, static_cast<proto::TaskState>(99)}) {
    auto id = leased_task();
    auto out = finish(id, 1, wild);
    CAF_CHECK_EQUAL(out.state(), proto::WAITING);
    CAF_CHECK(out.due_ms() > now_ms);
    CAF_CHECK_EQUAL(attempts(id).at(0).outcome(), proto::FAILED);
  }
}

CAF_TEST(long texts are cut at a whole character) {
  auto id = leased_task();
  auto x = ending(id, 1, proto::FAILED);
  std::string text = "a";
  while (text.size() < 40'000)
    text += "\xC3\xA4";
  x.set_result(text);
  x.mutable_error()->set_code(text);
  x.mutable_error()->set_message(text);
  x.mutable_progress()->set_message(text);
  auto& progress = *x.mutable_progress();
  for (auto i = 0; i < 1'000; ++i)
    progress.add_stages()->set_name("a stage with a long name");
  finish(x);
  auto kept = attempts(id).at(0);
  CAF_CHECK_EQUAL(kept.result().size(), 16'383u);
  CAF_CHECK_EQUAL(kept.error().message().size(), 4'095u);
  CAF_CHECK_EQUAL(kept.error().code().size(), 63u);
  CAF_CHECK_EQUAL(kept.progress().message().size(), 1'023u);
  CAF_CHECK_EQUAL(kept.progress().stages_size(), 0);
}

CAF_TEST_FIXTURE_SCOPE_END()

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/explain.hpp"

#include <caf/test/unit_test.hpp>

#include <limits>
#include <set>
#include <string>

using namespace coppice;

namespace {

constexpr int64_t now = 1'000'000;

proto::Task make(proto::TaskState state) {
  proto::Task x;
  x.set_state(state);
  x.set_changed_ms(now - 90'000);
  return x;
}

std::string only_line(const proto::Task& x) {
  auto lines = explain_state(x, now);
  CAF_REQUIRE_EQUAL(lines.size(), 1u);
  return lines[0];
}

} // namespace

CAF_TEST(a task in the queue says how long) {
  CAF_CHECK_EQUAL(only_line(make(proto::WAITING)),
                  std::string{"it has been in the queue for 1m30s"});
}

CAF_TEST(a clock that went back makes no negative times) {
  auto x = make(proto::WAITING);
  x.set_changed_ms(now + 5'000);
  CAF_CHECK_EQUAL(only_line(x), std::string{"it has been in the queue for 0s"});
}

CAF_TEST(a pause says when it ends and what it is for) {
  auto x = make(proto::WAITING);
  x.set_due_ms(now + 2'500);
  x.set_attempt(2);
  x.set_reason(proto::ATTEMPT_FAILED);
  x.mutable_error()->set_message("exit status 3");
  auto lines = explain_state(x, now);
  CAF_REQUIRE_EQUAL(lines.size(), 2u);
  CAF_CHECK_EQUAL(lines[0],
                  std::string{"it pauses before its next attempt, which may "
                              "start in 2s500ms"});
  CAF_CHECK_EQUAL(lines[1], std::string{"attempt 2 ended: the attempt failed: "
                                        "exit status 3"});
}

CAF_TEST(an attempt that has not started says who has it) {
  auto x = make(proto::LEASED);
  x.set_attempt(1);
  x.set_node("n1");
  x.mutable_progress()->set_changed_ms(1); // That of a checkpoint.
  CAF_CHECK_EQUAL(only_line(x),
                  "attempt 1 was given to node n1 1m30s ago; the node has not "
                  "said that it started");
}

CAF_TEST(an attempt that runs says where and how far it is) {
  auto x = make(proto::RUNNING);
  x.set_attempt(2);
  x.set_node("n1");
  CAF_CHECK_EQUAL(only_line(x),
                  "attempt 2 runs on node n1, which got it 1m30s ago");
  auto& progress = *x.mutable_progress();
  auto second_line = [&] { return explain_state(x, now).at(1); };
  progress.set_changed_ms(now - 5'000);
  progress.set_percent(99.9);
  CAF_CHECK_EQUAL(second_line(), "it is at 99%, which it said 5s ago");
  progress.set_percent(std::numeric_limits<double>::quiet_NaN());
  progress.set_message("reading");
  CAF_CHECK_EQUAL(second_line(), "it is at 0% (reading), which it said 5s ago");
  progress.set_percent(1e300);
  CAF_CHECK_EQUAL(second_line(),
                  "it is at 100% (reading), which it said 5s ago");
}

CAF_TEST(a cancel that waits for the node is told) {
  auto x = make(proto::RUNNING);
  x.set_cancel_requested(true);
  auto lines = explain_state(x, now);
  CAF_REQUIRE_EQUAL(lines.size(), 2u);
  CAF_CHECK_EQUAL(lines[1],
                  std::string{"it is to be cancelled: its node was asked to "
                              "stop it"});
}

CAF_TEST(an ended task says why) {
  auto x = make(proto::SUCCEEDED);
  x.set_reason(proto::COMPLETED);
  CAF_CHECK_EQUAL(only_line(x), std::string{"it has ended: completed"});
  x = make(proto::FAILED);
  x.set_reason(proto::FINAL_ERROR);
  x.mutable_error()->set_message("no such file");
  CAF_CHECK_EQUAL(only_line(x),
                  std::string{"it has ended: the retry policy calls this "
                              "error final: no such file"});
}

CAF_TEST(each reason has a text of its own) {
  std::set<std::string> texts;
  for (auto i = static_cast<int>(proto::NEW); i <= proto::NODE_STOPPED; ++i)
    CAF_CHECK(texts.insert(describe(static_cast<proto::Reason>(i))).second);
  CAF_CHECK_EQUAL(texts.count("no reason known"), 0u);
  CAF_CHECK_EQUAL(std::string{describe(static_cast<proto::Reason>(999))},
                  std::string{"no reason known"});
}

CAF_TEST(a state of a newer peer is no crash) {
  auto x = make(static_cast<proto::TaskState>(77));
  CAF_CHECK_EQUAL(only_line(x),
                  "this version of Coppice does not know its state");
}

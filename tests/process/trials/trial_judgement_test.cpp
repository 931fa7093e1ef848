// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// Who judges a trial is judged: it sees what it is there for.

#include "runtime/error.hpp"
#include "tests/process/trials/fault_plan.hpp"
#include "tests/process/trials/judgement.hpp"

#include <caf/test/unit_test.hpp>

#include <algorithm>
#include <optional>
#include <stdexcept>

using namespace coppice;
using namespace coppice::trial;

namespace {

/// A task whose attempts ended like this, the last one as the task.
proto::Task task_with(const std::vector<proto::TaskState>& outcomes) {
  proto::Task x;
  x.set_id("1.1.1");
  for (auto outcome : outcomes) {
    auto& attempt = *x.add_attempts();
    attempt.set_number(static_cast<uint32_t>(x.attempts_size()));
    attempt.set_outcome(outcome);
  }
  x.set_attempt(static_cast<uint32_t>(x.attempts_size()));
  x.set_state(outcomes.empty() ? proto::CANCELLED : outcomes.back());
  return x;
}

bool is_right(const proto::Task& x, fate expected) {
  return fault_of(x, expected).empty();
}

proto::CancelReply::Item cancel_said(proto::TaskState state,
                                     std::optional<ec> refusal = {}) {
  proto::CancelReply::Item x;
  x.set_state(state);
  if (refusal)
    x.mutable_error()->set_code(static_cast<uint32_t>(*refusal));
  return x;
}

proto::RetryReply::Item retry_said(std::optional<ec> refusal = {}) {
  proto::RetryReply::Item x;
  if (refusal)
    x.mutable_error()->set_code(static_cast<uint32_t>(*refusal));
  return x;
}

bool is_refused(const std::vector<std::string>& args) {
  try {
    parse(args);
    return false;
  } catch (const std::invalid_argument&) {
    return true;
  }
}

} // namespace

CAF_TEST(a task has to end as was acknowledged) {
  auto good = task_with({proto::FAILED, proto::SUCCEEDED});
  auto cancelled = task_with({proto::CANCELLED});
  auto failed = task_with({proto::FAILED});
  CAF_CHECK(is_right(good, fate::succeeds));
  CAF_CHECK(is_right(good, fate::either));
  CAF_CHECK(!is_right(good, fate::cancelled));
  CAF_CHECK(is_right(cancelled, fate::cancelled));
  CAF_CHECK(is_right(cancelled, fate::either));
  CAF_CHECK(!is_right(cancelled, fate::succeeds));
  for (auto expected :
       {fate::succeeds, fate::cancelled, fate::asked_to_stop, fate::either})
    CAF_CHECK(!is_right(failed, expected));
}

CAF_TEST(a task that was asked to stop knows it however it ended) {
  for (auto state : {proto::SUCCEEDED, proto::CANCELLED}) {
    auto x = task_with({state});
    CAF_CHECK(!is_right(x, fate::asked_to_stop));
    x.set_cancel_requested(true);
    CAF_CHECK(is_right(x, fate::asked_to_stop));
  }
}

CAF_TEST(one attempt is believed and it is the last) {
  CAF_CHECK(
    !is_right(task_with({proto::SUCCEEDED, proto::SUCCEEDED}), fate::succeeds));
  CAF_CHECK(
    !is_right(task_with({proto::SUCCEEDED, proto::CANCELLED}), fate::either));
  auto none = task_with({proto::FAILED});
  none.set_state(proto::SUCCEEDED);
  CAF_CHECK(!is_right(none, fate::succeeds));
}

CAF_TEST(the attempt that was believed has ended in the world) {
  auto x = task_with({proto::FAILED, proto::SUCCEEDED});
  journal seen;
  CAF_CHECK(!fault_of(x, seen).empty());
  seen.ended["1.1.1"] = {1};
  CAF_CHECK(!fault_of(x, seen).empty());
  seen.ended["1.1.1"] = {1, 2};
  CAF_CHECK(fault_of(x, seen).empty());
}

CAF_TEST(what a cancel was answered says what may become of the task) {
  auto after = [](const proto::CancelReply::Item& said) {
    history x;
    x.on_submit("1.1.1", {});
    x.on_cancel("1.1.1", said);
    return x.tasks["1.1.1"].expected;
  };
  CAF_CHECK(after(cancel_said(proto::CANCELLED)) == fate::cancelled);
  CAF_CHECK(after(cancel_said(proto::LEASED)) == fate::asked_to_stop);
  CAF_CHECK(after(cancel_said(proto::SUCCEEDED, ec::conflict))
            == fate::succeeds);
  CAF_CHECK(
    after(cancel_said(proto::TASK_STATE_UNSPECIFIED, ec::deadline_exceeded))
    == fate::either);
}

CAF_TEST(a retry counts unless it was refused) {
  auto after = [](const proto::RetryReply::Item& said) {
    history x;
    x.on_submit("1.1.1", {});
    x.on_cancel("1.1.1", cancel_said(proto::CANCELLED));
    x.on_retry("1.1.1", said);
    return x.tasks["1.1.1"].expected;
  };
  CAF_CHECK(after(retry_said()) == fate::succeeds);
  CAF_CHECK(after(retry_said(ec::conflict)) == fate::cancelled);
  CAF_CHECK(after(retry_said(ec::unreachable)) == fate::either);
}

CAF_TEST(an id that was given twice is a fault and the last binding counts) {
  history x;
  x.on_submit("1.1.1", {});
  CAF_CHECK(x.faults.empty());
  x.on_submit("1.1.1", {});
  CAF_CHECK(!x.faults.empty());
  x.on_bind("p", 1);
  x.on_bind("p", 0);
  CAF_CHECK(x.bound["p"] == 0);
}

CAF_TEST(a third of the faults is on a leader and each kind is spread) {
  auto options = parse({"--managers", "3", "--kills", "60", "--freezes", "12",
                        "--losses", "6", "--partitions", "22"});
  CAF_CHECK(options.workers == 2);
  auto plan = plan_faults(options);
  CAF_CHECK(plan.size() == 100);
  auto of_leaders = std::count_if(plan.begin(), plan.end(),
                                  [](auto& x) { return x.on_leader; });
  CAF_CHECK(of_leaders == 33);
  for (auto kind :
       {fault_kind::freeze, fault_kind::loss, fault_kind::partition})
    for (auto half : {0, 50})
      CAF_CHECK(std::any_of(plan.begin() + half, plan.begin() + half + 50,
                            [&](auto& x) { return x.kind == kind; }));
}

CAF_TEST(a manager that is alone loses no data and is not frozen) {
  auto plan = plan_faults(parse({"--freezes", "6", "--losses", "2"}));
  for (auto& x : plan) {
    CAF_CHECK(x.kind != fault_kind::loss);
    CAF_CHECK(x.kind == fault_kind::kill || !x.on_leader);
  }
}

CAF_TEST(an option that is not known is refused) {
  CAF_CHECK(is_refused({"--kill", "3"}));
  CAF_CHECK(is_refused({"--kills"}));
}

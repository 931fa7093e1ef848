// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/judgement.hpp"

#include "runtime/task/attempt_ref.hpp"

#include <caf/test/unit_test.hpp>

#include <string>
#include <utility>
#include <vector>

using namespace coppice;

namespace {

const attempt_key key{{1, 1, 7}, 9};

lease_book::held lease() {
  lease_book::held x;
  x.worker = {"n1", 5};
  return x;
}

proto::Attempt ended(proto::Reason why, int64_t started_ms = 0) {
  proto::Attempt x;
  x.set_reason(why);
  x.set_started_ms(started_ms);
  return x;
}

/// Whether the loss of an attempt counts that never said that it started.
bool costs_a_try(const std::vector<proto::Attempt>& earlier,
                 proto::Reason why = proto::NODE_GONE) {
  return judgement(key, lease(), why, earlier).started();
}

} // namespace

CAF_TEST(each reason has its own end) {
  auto judge = [](proto::Reason why) {
    auto x = judgement(key, lease(), why, {});
    CAF_CHECK(to_attempt_key(x.id(), x.attempt()) == key);
    CAF_CHECK_EQUAL(x.reason(), why);
    CAF_CHECK(x.reporter().empty());
    return std::pair{x.outcome(), x.error().code()};
  };
  auto no_code = std::string{};
  CAF_CHECK(judge(proto::TOTAL_TIMEOUT)
            == std::pair(proto::TIMED_OUT, no_code));
  CAF_CHECK(judge(proto::CANCEL_REQUESTED)
            == std::pair(proto::CANCELLED, no_code));
  CAF_CHECK(judge(proto::STALLED)
            == std::pair(proto::FAILED, std::string{"stalled"}));
  CAF_CHECK(judge(proto::NODE_GONE)
            == std::pair(proto::FAILED, std::string{"node_gone"}));
  CAF_CHECK(judge(proto::LEASE_EXPIRED)
            == std::pair(proto::FAILED, std::string{"lease_expired"}));
}

CAF_TEST(what ran when its node was lost costs a try) {
  auto x = lease();
  x.started = true;
  x.started_ms = 4711;
  for (auto why : {proto::NODE_GONE, proto::LEASE_EXPIRED}) {
    auto said = judgement(key, x, why, {});
    CAF_CHECK(said.started());
    CAF_CHECK_EQUAL(said.started_ms(), 4711);
  }
}

CAF_TEST(what had not started when its node was lost costs no try) {
  CAF_CHECK(!costs_a_try({}, proto::NODE_GONE));
  CAF_CHECK(!costs_a_try({}, proto::LEASE_EXPIRED));
}

CAF_TEST(what an earlier leader leased may have started) {
  auto x = lease();
  x.adopted = true;
  CAF_CHECK(judgement(key, x, proto::NODE_GONE, {}).started());
  CAF_CHECK(judgement(key, x, proto::LEASE_EXPIRED, {}).started());
}

CAF_TEST(what stalls costs a try even if it never said that it started) {
  CAF_CHECK(costs_a_try({}, proto::STALLED));
}

CAF_TEST(a task that is lost again and again costs tries in the end) {
  auto gone = ended(proto::NODE_GONE);
  auto silent = ended(proto::LEASE_EXPIRED);
  CAF_CHECK(!costs_a_try({gone, silent}));
  CAF_CHECK(costs_a_try({gone, silent, gone}));
  CAF_CHECK(costs_a_try({gone, silent, gone, silent}));
  // Only the latest ones matter.
  CAF_CHECK(costs_a_try({gone, gone, gone, ended(proto::ATTEMPT_FAILED)}));
}

CAF_TEST(any other end begins a new row of losses) {
  auto gone = ended(proto::NODE_GONE);
  for (auto& other : {ended(proto::ATTEMPT_FAILED, 1),
                      ended(proto::NODE_GONE, 1), ended(proto::REFUSED_BY_NODE),
                      ended(proto::NEVER_STARTED), ended(proto::NODE_STOPPED)})
    CAF_CHECK(!costs_a_try({gone, other, gone, gone, gone}));
}

CAF_TEST(what never reached its node costs no try) {
  auto x = never_started(key);
  CAF_CHECK(to_attempt_key(x.id(), x.attempt()) == key);
  CAF_CHECK_EQUAL(x.outcome(), proto::FAILED);
  CAF_CHECK_EQUAL(x.reason(), proto::NEVER_STARTED);
  CAF_CHECK(!x.started());
}

CAF_TEST(what a node lacks has never started unless it said so) {
  auto x = lease();
  CAF_CHECK_EQUAL(judge_missing(key, nullptr).reason(), proto::NEVER_STARTED);
  CAF_CHECK_EQUAL(judge_missing(key, &x).reason(), proto::NEVER_STARTED);
  CAF_CHECK(!judge_missing(key, &x).started());
  x.adopted = true; // The node itself says that it does not know it.
  CAF_CHECK_EQUAL(judge_missing(key, &x).reason(), proto::NEVER_STARTED);
  x.started = true;
  CAF_CHECK_EQUAL(judge_missing(key, &x).reason(), proto::LEASE_EXPIRED);
  CAF_CHECK(judge_missing(key, &x).started());
}

CAF_TEST(an obsolete attempt is the claim of its node) {
  auto x = judge_obsolete(key, "n1");
  CAF_CHECK(to_attempt_key(x.id(), x.attempt()) == key);
  CAF_CHECK_EQUAL(x.reporter(), "n1");
  CAF_CHECK_EQUAL(x.outcome(), proto::FAILED);
}

// -- what an end says of its node ---------------------------------------------

CAF_TEST(only a failure by its own doing speaks against a node) {
  proto::FinishCommand::Item x;
  x.set_reporter("n1");
  x.set_started(true);
  x.set_outcome(proto::SUCCEEDED);
  CAF_CHECK(evidence_of(x) == node_evidence::good);
  x.set_outcome(proto::FAILED);
  CAF_CHECK(evidence_of(x) == node_evidence::bad);
  for (auto why : {proto::REFUSED_BY_NODE, proto::NODE_STOPPED, proto::STALLED,
                   proto::NODE_GONE, proto::LEASE_EXPIRED}) {
    auto other = x;
    other.set_reason(why);
    CAF_CHECK(evidence_of(other) == node_evidence::nothing);
  }
  for (auto outcome : {proto::CANCELLED, proto::TIMED_OUT}) {
    auto other = x;
    other.set_outcome(outcome);
    CAF_CHECK(evidence_of(other) == node_evidence::nothing);
  }
  auto idle = x;
  idle.set_started(false);
  CAF_CHECK(evidence_of(idle) == node_evidence::nothing);
  x.clear_reporter(); // Its leader says so.
  CAF_CHECK(evidence_of(x) == node_evidence::nothing);
}

CAF_TEST(the cause of a failure is a clause on one line) {
  proto::FinishCommand::Item x;
  CAF_CHECK_EQUAL(cause_of(x), "it did not say why");
  x.mutable_error()->set_code("exit_2");
  CAF_CHECK_EQUAL(cause_of(x), "exit_2");
  x.mutable_error()->set_message("no disk\nat all.\n");
  CAF_CHECK_EQUAL(cause_of(x), "no disk at all");
  x.mutable_error()->set_message(std::string(10'000, 'x'));
  CAF_CHECK_EQUAL(cause_of(x).size(), 200u);
}

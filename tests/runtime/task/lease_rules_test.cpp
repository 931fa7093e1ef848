// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/lease_rules.hpp"

#include "runtime/duration.hpp"

#include <caf/test/unit_test.hpp>

#include <string>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

const attempt_key key{{1, 2, 3}, 4};

proto::LeaseTasksRequest request() {
  proto::LeaseTasksRequest x;
  x.set_client("c1");
  x.add_kinds("words");
  return x;
}

bool refuses(const proto::LeaseTasksRequest& x) {
  auto checked = check_lease_request(x);
  return !checked && checked.error().code == ec::invalid_argument;
}

bool refuses(const proto::ClientLeaseRequest& x) {
  auto checked = check_lease_news(x);
  return !checked && checked.error().code == ec::invalid_argument;
}

proto::FinishLease say(proto::TaskState outcome) {
  proto::FinishLease x;
  x.set_outcome(outcome);
  return x;
}

} // namespace

CAF_TEST(the id of a lease names task and attempt) {
  CAF_CHECK_EQUAL(to_lease_id(key), "1.2.3.4");
  auto read = parse_lease_id("1.2.3.4");
  CAF_REQUIRE(read);
  CAF_CHECK(read.value() == key);
}

CAF_TEST(what is no id of a lease is refused) {
  for (auto text :
       {"", ".", "1.2.3", "1.2.3.", "1.2.3.0", "1.2.3.x", "1.2.3.4.5",
        "1.2.3.-4", "1.2.3.4 ", "01.2.3.4", "1.2.3.4294967296", "\xff.1"}) {
    auto read = parse_lease_id(text);
    CAF_REQUIRE(!read);
    CAF_CHECK(read.error().code == ec::invalid_argument);
  }
}

CAF_TEST(the worker of a client is named after it) {
  auto node = client_node("c1");
  CAF_CHECK_EQUAL(node, "client:c1");
  CAF_CHECK(client_of(node) == "c1");
  CAF_CHECK(!client_of("n1"));
}

CAF_TEST(a request for tasks is held against its limits) {
  CAF_CHECK(check_lease_request(request()));
  auto x = request();
  for (auto name : {"", "a b", "a:b", "\xc3\xa4"}) {
    x.set_client(name);
    CAF_CHECK(refuses(x));
  }
  x.set_client(std::string(65, 'a'));
  CAF_CHECK(refuses(x));
  x = request();
  x.clear_kinds();
  CAF_CHECK(refuses(x));
  CAF_CHECK(is_recall(x));
  x.add_kinds("");
  CAF_CHECK(refuses(x));
  x = request();
  x.set_limit(101);
  CAF_CHECK(refuses(x));
  x = request();
  *x.mutable_wait() = to_proto(20'001ms);
  CAF_CHECK(refuses(x));
  x = request();
  x.set_request_id(std::string(65, 'a'));
  CAF_CHECK(refuses(x));
}

CAF_TEST(who names no limit gets one task and does not wait) {
  auto x = request();
  CAF_CHECK_EQUAL(lease_limit(x), 1u);
  CAF_CHECK(lease_wait(x) == 0ms);
  x.mutable_wait()->set_seconds(-5);
  CAF_CHECK(lease_wait(x) == 0ms);
}

CAF_TEST(news of a lease are held against their limits) {
  proto::ClientLeaseRequest x;
  x.set_lease("1.2.3.4");
  CAF_CHECK(refuses(x));
  x.mutable_progress();
  CAF_CHECK(check_lease_news(x));
  x.mutable_progress()->set_message(std::string(20'000, 'x'));
  CAF_CHECK(refuses(x));
  x.mutable_checkpoint()->set_data(std::string(max_lease_checkpoint, 'x'));
  CAF_CHECK(check_lease_news(x));
  x.mutable_checkpoint()->mutable_data()->push_back('x');
  CAF_CHECK(refuses(x));
  for (auto state : {proto::SUCCEEDED, proto::FAILED, proto::CANCELLED}) {
    x.mutable_finish()->set_outcome(state);
    CAF_CHECK(check_lease_news(x));
  }
  x.mutable_finish()->set_outcome(proto::RUNNING);
  CAF_CHECK(refuses(x));
  x.mutable_finish()->set_outcome(proto::SUCCEEDED);
  x.mutable_finish()->set_result(std::string(20'000, 'x'));
  CAF_CHECK(refuses(x));
  x.mutable_progress();
  x.set_lease("1.2.3");
  CAF_CHECK(refuses(x));
}

CAF_TEST(an attempt ends as its client says) {
  auto said = say(proto::SUCCEEDED);
  said.set_result("42");
  auto x = end_of_lease(key, said, {});
  CAF_CHECK_EQUAL(x.outcome(), proto::SUCCEEDED);
  CAF_CHECK_EQUAL(x.result(), "42");
  CAF_CHECK(x.started() && !x.has_error());
  CAF_CHECK_EQUAL(x.attempt(), 4u);
  said = say(proto::FAILED);
  said.mutable_error()->set_code("bad_input");
  x = end_of_lease(key, said, {});
  CAF_CHECK_EQUAL(x.error().code(), "bad_input");
  CAF_CHECK_EQUAL(x.reason(), proto::REASON_UNSPECIFIED);
}

CAF_TEST(an attempt that was told to stop ends for that reason) {
  auto end = [](proto::TaskState said, proto::Reason stop) {
    auto x = end_of_lease(key, say(said), stop);
    return std::pair{x.outcome(), x.reason()};
  };
  using pair = std::pair<proto::TaskState, proto::Reason>;
  CAF_CHECK(end(proto::FAILED, proto::CANCEL_REQUESTED)
            == pair(proto::CANCELLED, proto::CANCEL_REQUESTED));
  CAF_CHECK(end(proto::CANCELLED, proto::TOTAL_TIMEOUT)
            == pair(proto::TIMED_OUT, proto::TOTAL_TIMEOUT));
  CAF_CHECK(end(proto::CANCELLED, proto::STALLED)
            == pair(proto::FAILED, proto::STALLED));
  // It was done before it heard.
  CAF_CHECK(end(proto::SUCCEEDED, proto::CANCEL_REQUESTED)
            == pair(proto::SUCCEEDED, proto::REASON_UNSPECIFIED));
}

CAF_TEST(silence costs a try and what was not wanted costs none) {
  CAF_CHECK(end_of_silence(key, "c1").started());
  CAF_CHECK_EQUAL(end_of_silence(key, "c1").reason(), proto::LEASE_EXPIRED);
  CAF_CHECK(!end_of_unwanted(key, "c1").started());
}

CAF_TEST(an end is confirmed to who said it) {
  auto ended = [](proto::TaskState outcome, proto::Reason why) {
    proto::Attempt x;
    x.set_outcome(outcome);
    x.set_reason(why);
    return x;
  };
  auto done = ended(proto::SUCCEEDED, proto::COMPLETED);
  CAF_CHECK(confirms(done, proto::SUCCEEDED));
  CAF_CHECK(!confirms(done, proto::FAILED));
  auto failed = ended(proto::FAILED, proto::ATTEMPT_FAILED);
  CAF_CHECK(confirms(failed, proto::FAILED));
  CAF_CHECK(!confirms(failed, proto::SUCCEEDED));
  CAF_CHECK(!confirms(failed, proto::CANCELLED));
  auto lost = ended(proto::FAILED, proto::LEASE_EXPIRED);
  CAF_CHECK(!confirms(lost, proto::FAILED));
  auto late = ended(proto::TIMED_OUT, proto::TOTAL_TIMEOUT);
  CAF_CHECK(confirms(late, proto::CANCELLED));
  CAF_CHECK(confirms(late, proto::FAILED));
  CAF_CHECK(!confirms(late, proto::SUCCEEDED));
}

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/api/stream.hpp"

#include <caf/test/unit_test.hpp>

using namespace coppice;

namespace {

api::call make(http::query_list query = {}, std::string range = {}) {
  api::call x;
  x.path["id"] = "1.1.1";
  x.query = std::move(query);
  if (!range.empty())
    x.headers.emplace_back("range", std::move(range));
  return x;
}

api::stream_ptr logs(http::query_list query = {}, std::string range = {}) {
  auto x = api::open_logs(make(std::move(query), std::move(range)));
  CAF_REQUIRE(x);
  return std::move(x.value());
}

proto::Reply output(std::string data, uint64_t next, bool complete = false) {
  proto::Reply x;
  x.mutable_log()->set_data(std::move(data));
  x.mutable_log()->set_next(next);
  x.mutable_log()->set_attempt(2);
  x.mutable_log()->set_complete(complete);
  return x;
}

proto::Reply no_output(int64_t removed_until = 0) {
  auto x = output("", 0);
  x.mutable_log()->set_missing(true);
  x.mutable_log()->set_removed_until_ms(removed_until);
  return x;
}

proto::Reply refused(ec code) {
  proto::Reply x;
  x.mutable_error()->set_code(static_cast<uint32_t>(code));
  return x;
}

proto::Reply task(proto::TaskState state, int64_t ended_ms = 0) {
  proto::Reply x;
  auto& y = *x.mutable_get()->add_items()->mutable_task();
  y.set_id("1.1.1");
  y.set_state(state);
  auto& attempt = *y.add_attempts();
  attempt.set_number(2);
  attempt.set_ended_ms(ended_ms);
  return x;
}

std::string header(const http::response& x, std::string_view name) {
  return std::string{http::find_header(x.headers, name)};
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

} // namespace

CAF_TEST(output is read to its present end) {
  auto x = logs();
  auto request = x->next();
  CAF_CHECK_EQUAL(request.log().attempt(), 0u);
  auto step = x->on_reply(output("one", 3));
  CAF_REQUIRE(step.head);
  CAF_CHECK_EQUAL(step.head->status, 200u);
  CAF_CHECK_EQUAL(header(*step.head, "Coppice-Attempt"), "2");
  CAF_CHECK_EQUAL(step.part, "one");
  CAF_CHECK(!step.ends);
  request = x->next();
  CAF_CHECK_EQUAL(request.log().attempt(), 2u);
  CAF_CHECK_EQUAL(request.log().offset(), 3u);
  step = x->on_reply(output("", 3));
  CAF_CHECK(!step.head);
  CAF_CHECK(step.ends && !step.cut);
}

CAF_TEST(whoever follows waits for the end of the attempt) {
  auto x = logs({{"follow", "true"}});
  auto step = x->on_reply(output("", 0));
  CAF_CHECK(step.head && !step.ends && step.pause.count() > 0);
  step = x->on_reply(refused(ec::not_leader));
  CAF_CHECK(!step.ends && step.pause.count() > 0);
  step = x->on_reply(output("all", 3, true));
  CAF_CHECK(step.ends && !step.cut);
  CAF_CHECK_EQUAL(step.part, "all");
}

CAF_TEST(output that cannot be read to its end does not look complete) {
  auto x = logs({{"follow", "true"}});
  x->on_reply(output("one", 3));
  auto steps = 0;
  auto step = x->on_reply(refused(ec::unreachable));
  for (; !step.ends && steps < 1'000; ++steps)
    step = x->on_reply(refused(ec::unreachable));
  CAF_CHECK(step.cut);
  x = logs({{"follow", "true"}});
  x->on_reply(output("one", 3));
  step = x->on_reply(refused(ec::not_found));
  CAF_CHECK(step.ends && step.cut);
}

CAF_TEST(a range is one part) {
  auto x = logs({}, "bytes=5-9");
  auto request = x->next();
  CAF_CHECK_EQUAL(request.log().offset(), 5u);
  CAF_CHECK_EQUAL(request.log().limit(), 5u);
  auto step = x->on_reply(output("abc", 8));
  CAF_REQUIRE(step.head && step.ends);
  CAF_CHECK_EQUAL(step.head->status, 206u);
  CAF_CHECK_EQUAL(header(*step.head, "Content-Range"), "bytes 5-7/*");
  CAF_CHECK_EQUAL(step.head->body, "abc");
  x = logs({}, "bytes=5-");
  step = x->on_reply(output("", 5));
  CAF_REQUIRE(step.head);
  CAF_CHECK_EQUAL(step.head->status, 416u);
}

CAF_TEST(ranges that are not served are ignored) {
  for (auto text : {"bytes=-5", "bytes=9-5", "bytes=x-", "lines=1-2",
                    "bytes=", "bytes=1-2,4-5", "bytes=0-18446744073709551615",
                    "bytes=99999999999999999999-"}) {
    auto x = logs({}, text);
    CAF_MESSAGE(text);
    auto step = x->on_reply(output("abc", 3, true));
    CAF_REQUIRE(step.head);
    CAF_CHECK_EQUAL(step.head->status, 200u);
    CAF_CHECK_EQUAL(step.part, "abc");
  }
}

CAF_TEST(an attempt that wrote nothing has no output) {
  auto x = logs();
  x->on_reply(no_output());
  CAF_CHECK(x->next().has_get());
  auto step = x->on_reply(task(proto::RUNNING));
  CAF_CHECK(step.head && step.head->status == 200 && step.ends);
  // It ended, and may have written since it was asked.
  x = logs();
  x->on_reply(no_output());
  step = x->on_reply(task(proto::SUCCEEDED, 100'000));
  CAF_CHECK(!step.ends);
  CAF_CHECK(x->next().has_log());
  x->on_reply(no_output());
  step = x->on_reply(task(proto::SUCCEEDED, 100'000));
  CAF_CHECK(step.head && step.head->status == 200 && step.ends);
}

CAF_TEST(output that was removed is gone) {
  auto x = logs();
  for (auto i = 0; i < 2; ++i) {
    x->on_reply(no_output(200'000));
    auto step = x->on_reply(task(proto::SUCCEEDED, 100'000));
    CAF_CHECK_EQUAL(step.ends, i == 1);
    if (i == 1)
      CAF_CHECK(step.head && step.head->status == 410);
  }
}

CAF_TEST(what is wrong with a call is said) {
  for (auto& query : {http::query_list{{"follow", "yes"}},
                      http::query_list{{"attempt", "-1"}}})
    CAF_CHECK(!api::open_logs(make(query)));
  auto bad = make();
  bad.path["id"] = "x";
  CAF_CHECK(!api::open_logs(bad));
  CAF_CHECK(!api::open_progress(bad));
}

CAF_TEST(a task is told at first and when it has changed) {
  auto opened = api::open_progress(make());
  CAF_REQUIRE(opened);
  auto& x = *opened.value();
  auto step = x.on_reply(task(proto::RUNNING));
  CAF_REQUIRE(step.head);
  CAF_CHECK_EQUAL(step.head->type, "text/event-stream");
  CAF_CHECK(step.part.starts_with("event: task\ndata: {"));
  CAF_CHECK(step.part.ends_with("}\n\n"));
  step = x.on_reply(task(proto::RUNNING));
  CAF_CHECK(step.part.empty() && !step.ends && step.pause.count() > 0);
  step = x.on_reply(task(proto::SUCCEEDED));
  CAF_CHECK(contains(step.part, "SUCCEEDED"));
  CAF_CHECK(contains(step.part, "event: end\n"));
  CAF_CHECK(step.ends);
}

CAF_TEST(a silent task is shown to be watched) {
  auto opened = api::open_progress(make());
  CAF_REQUIRE(opened);
  auto& x = *opened.value();
  x.on_reply(task(proto::WAITING));
  auto signs = 0;
  for (auto i = 0; i < 120; ++i)
    signs += x.on_reply(task(proto::WAITING)).part.starts_with(": ") ? 1 : 0;
  CAF_CHECK_EQUAL(signs, 4);
}

CAF_TEST(a watch gets over an election and not over more) {
  auto opened = api::open_progress(make());
  CAF_REQUIRE(opened);
  auto& x = *opened.value();
  auto step = x.on_reply(refused(ec::not_leader));
  CAF_CHECK(step.head && step.head->status == 503);
  x.on_reply(task(proto::RUNNING));
  auto steps = 0;
  for (step = {}; !step.ends && steps < 100; ++steps)
    step = x.on_reply(refused(ec::not_leader));
  CAF_CHECK_EQUAL(steps, 10);
}

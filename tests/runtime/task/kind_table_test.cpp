// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/kind_table.hpp"

#include <caf/test/unit_test.hpp>

#include <chrono>
#include <string>
#include <vector>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

using strings = std::vector<std::string>;

struct fixture {
  kind_table aut = built_in_kinds();
  proto::TaskSpec spec;
  proto::KindInfo kind;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(kind_table_tests, fixture)

CAF_TEST(the built in kinds have their defaults) {
  CAF_CHECK(aut.names() == (strings{"checksum", "exec", "noop", "sleep"}));
  auto has = [&](const char* name, clocks expected, uint32_t attempts) {
    auto* info = aut.find(name);
    CAF_REQUIRE(info != nullptr);
    CAF_CHECK(effective_clocks(spec, *info) == expected);
    auto retry = effective_retry(spec, *info);
    CAF_CHECK_EQUAL(retry.attempts, attempts);
  };
  has("exec", {24h, 0ms, 0ms}, 3);
  has("checksum", {24h, 0ms, 10min}, 5);
  has("sleep", {1h, 0ms, 0ms}, 3);
  has("noop", {60s, 0ms, 0ms}, 3);
}

CAF_TEST(a kind that is added again is replaced) {
  CAF_CHECK(aut.find("resize") == nullptr);
  kind.set_name("resize");
  aut.add(kind);
  kind.set_exclusive(true);
  aut.add(kind);
  CAF_CHECK_EQUAL(aut.names().size(), 5u);
  CAF_CHECK(aut.find("resize")->exclusive());
}

CAF_TEST(a spec overrides what it states and nothing else) {
  kind.mutable_timeouts()->mutable_total()->set_seconds(100);
  kind.mutable_timeouts()->mutable_no_answer()->set_seconds(20);
  kind.mutable_timeouts()->mutable_stall()->set_seconds(30);
  spec.mutable_timeouts()->mutable_no_answer()->set_seconds(5);
  spec.mutable_timeouts()->mutable_stall(); // Stated as zero: off.
  CAF_CHECK(effective_clocks(spec, kind) == (clocks{100s, 5s, 0ms}));
}

CAF_TEST(a part of a millisecond does not switch a clock off) {
  spec.mutable_timeouts()->mutable_total()->set_nanos(1);
  CAF_CHECK(effective_clocks(spec, kind).total == 1ms);
}

CAF_TEST(the retry policy is filled in from the kind and the defaults) {
  CAF_CHECK(effective_retry(spec, kind) == retry_rule{});
  kind.mutable_retry()->set_attempts(7);
  kind.mutable_retry()->mutable_backoff()->set_seconds(2);
  kind.mutable_retry()->add_final_errors("exit_2");
  CAF_CHECK(effective_retry(spec, kind)
            == (retry_rule{7, 2s, 60s, {"exit_2"}}));
  spec.mutable_retry()->set_attempts(1);
  spec.mutable_retry()->mutable_backoff();
  spec.mutable_retry()->mutable_max_backoff()->set_seconds(10);
  spec.mutable_retry()->add_final_errors("exit_3");
  spec.mutable_retry()->add_final_errors("exit_2");
  CAF_CHECK(effective_retry(spec, kind)
            == (retry_rule{1, 0ms, 10s, {"exit_3", "exit_2"}}));
}

CAF_TEST_FIXTURE_SCOPE_END()

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/apps/client_commands_fixture.hpp"

#include <cstdint>

using namespace coppice;

using test::noop_line;

namespace {

/// In milliseconds.
constexpr int64_t hour = 3'600'000;

} // namespace

CAF_TEST_FIXTURE_SCOPE(logs_command_tests, test::client_commands_fixture)

CAF_TEST(logs are printed as they are) {
  store.output.set_data("hello\n");
  store.output.set_next(6);
  store.output.set_attempt(1);
  store.output.set_complete(true);
  CAF_CHECK(run({"logs", "1.1.1"}) == exit_code::success);
  CAF_CHECK_EQUAL(out.str(), "hello\n");
  CAF_CHECK_EQUAL(err.str(), "");
}

CAF_TEST(output that was never written is no error) {
  CAF_REQUIRE(submit(noop_line(1)) == exit_code::success);
  store.output.set_attempt(1);
  store.output.set_complete(true);
  CAF_CHECK(run({"logs", "1.1.1"}) == exit_code::success);
  CAF_CHECK_EQUAL(err.str(), "attempt 1 of task 1.1.1 has written no output\n");
  store.output.set_missing(true);
  store.output.set_removed_until_ms(hour);
  store.add_attempts(3 * hour);
  CAF_CHECK(run({"logs", "1.1.1"}) == exit_code::success);
  CAF_CHECK_EQUAL(err.str(), "attempt 1 of task 1.1.1 has written no output\n");
  store.add_attempts(0);
  CAF_CHECK(run({"logs", "1.1.1"}) == exit_code::success);
  CAF_CHECK_EQUAL(err.str(),
                  "attempt 1 of task 1.1.1 has written no output yet\n");
  CAF_CHECK_EQUAL(out.str(), "");
}

CAF_TEST(output that was removed is an error that says so) {
  CAF_REQUIRE(submit(noop_line(1)) == exit_code::success);
  store.output.set_attempt(1);
  store.output.set_missing(true);
  store.output.set_complete(true);
  store.output.set_removed_until_ms(3 * hour);
  store.add_attempts(hour);
  CAF_CHECK(run({"logs", "1.1.1"}) == exit_code::refused);
  CAF_CHECK(complains("has no output any more"));
  CAF_CHECK(complains("worker.logs_keep"));
}

CAF_TEST_FIXTURE_SCOPE_END()

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/apps/client_commands_fixture.hpp"

#include <string>
#include <thread>

using namespace coppice;
using namespace std::chrono_literals;

using test::noop_line;

CAF_TEST_FIXTURE_SCOPE(submit_command_tests, test::client_commands_fixture)

CAF_TEST(many lines are submitted in small batches and answered in order) {
  std::string lines;
  std::string expected;
  for (int i = 1; i <= 1'234; ++i) {
    lines += noop_line(i);
    expected += "1.1." + std::to_string(i) + "\n";
  }
  CAF_CHECK(submit(lines) == exit_code::success);
  CAF_CHECK_EQUAL(out.str(), expected);
  CAF_CHECK_EQUAL(ids.size(), 1'234u);
  CAF_CHECK_EQUAL(store.largest_batch.load(), 100u);
  CAF_CHECK(complains("1234 tasks accepted, 0 refused"));
}

CAF_TEST(bad lines are reported and the others go on) {
  CAF_CHECK(submit("\n" + noop_line(1) + "nonsense\n" + noop_line(2)
                   + "{\"kind\":\"unknown\"}\n{\"kind\":\"\xff\"}\n"
                     "{\"kind\":\"noop\",\"colour\":1}\n  \r\n"
                     "{\"kind\":\"noop\"}")
            == exit_code::refused);
  CAF_CHECK_EQUAL(out.str(), "1.1.1\n1.1.2\n1.1.3\n");
  for (auto part : {"line 3: not a task spec in JSON", "line 5: kind 'unknown'",
                    "line 6: invalid UTF-8 at byte 10",
                    "line 7: ", "3 tasks accepted, 4 refused"})
    CAF_CHECK(complains(part));
}

CAF_TEST(what is refused of a batch is told apart from what is accepted) {
  std::string large = "{\"kind\":\"large\"}\n";
  CAF_CHECK(submit(noop_line(1) + large + large + noop_line(2) + large)
            == exit_code::refused);
  CAF_CHECK_EQUAL(out.str(), "1.1.1\n1.1.2\n");
  CAF_CHECK_EQUAL(err.str(), "coppice: lines 2 to 3: there is no room\n"
                             "coppice: line 5: there is no room\n"
                             "2 tasks accepted, 3 refused\n");
}

CAF_TEST(lines whose fate is unknown are not called refused) {
  store.large_code = ec::deadline_exceeded;
  persistence = 100ms;
  CAF_CHECK(submit(noop_line(1) + "{\"kind\":\"large\"}\n")
            == exit_code::no_cluster);
  CAF_CHECK_EQUAL(out.str(), "1.1.1\n");
  CAF_CHECK(complains("line 2: there is no room"));
  CAF_CHECK(complains("1 task accepted (1 known already), 0 refused, 1 without "
                      "an answer"));
}

CAF_TEST(a second submit of the same keys names the same tasks) {
  CAF_CHECK(submit(noop_line(1) + noop_line(2)) == exit_code::success);
  CAF_CHECK(submit(noop_line(2) + noop_line(3)) == exit_code::success);
  CAF_CHECK_EQUAL(out.str(), "1.1.1\n1.1.2\n1.1.2\n1.1.3\n");
  CAF_CHECK(complains("2 tasks accepted (1 known already), 0 refused"));
}

CAF_TEST(a submit survives a node that dies in the middle) {
  constexpr int total = 20'000;
  std::string lines;
  for (int i = 1; i <= total; ++i)
    lines += "{\"kind\":\"noop\"}\n"; // The client makes the keys.
  std::thread killer{[this] {
    while (store.submits < 20)
      std::this_thread::yield();
    node.reset();
    start();
  }};
  auto code = submit(lines);
  killer.join();
  CAF_CHECK(code == exit_code::success);
  CAF_CHECK_EQUAL(ids.size(), static_cast<size_t>(total));
  // Each line is a task of its own, and none became two.
  CAF_CHECK_EQUAL(ids.back(), "1.1." + std::to_string(total));
}

CAF_TEST(a file that cannot be read is a usage error) {
  CAF_CHECK(run({"submit", "/no/such/file"}) == exit_code::usage);
  CAF_CHECK(run({"submit", "/"}) == exit_code::usage);
}

CAF_TEST_FIXTURE_SCOPE_END()

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/render.hpp"
#include "runtime/access/token_rules.hpp"
#include "tests/apps/client_commands_fixture.hpp"

#include <algorithm>
#include <string>
#include <utility>

using namespace coppice;
using namespace std::chrono_literals;

using test::noop_line;

CAF_TEST_FIXTURE_SCOPE(client_commands_tests, test::client_commands_fixture)

CAF_TEST(without a cluster nothing is accepted) {
  node.reset();
  CAF_CHECK(run({"submit", "--patience=200ms", "/dev/null"})
            == exit_code::no_cluster);
  CAF_CHECK(complains("no cluster reached at 127.0.0.1:"));
  CAF_CHECK(complains("--connect and COPPICE_ADDRESS name another one"));
  CAF_CHECK(run({"tasks", "--patience=200ms"}) == exit_code::no_cluster);
}

CAF_TEST(run prints the id and waits for the end) {
  CAF_CHECK(run({"run", "--", "true"}) == exit_code::success);
  CAF_CHECK_EQUAL(out.str(), "1.1.1\n");
  store.born = proto::SUCCEEDED;
  CAF_CHECK(run({"run", "--wait", "--", "true"}) == exit_code::success);
  CAF_CHECK_EQUAL(out.str(), "1.1.2\n");
  CAF_CHECK(complains("1.1.2 succeeded"));
  store.born = proto::FAILED;
  CAF_CHECK(run({"run", "--wait", "--json", "--", "true"})
            == exit_code::work_failed);
  CAF_CHECK_EQUAL(out.str(), "{\"id\":\"1.1.3\"}\n"
                             "{\"id\":\"1.1.3\",\"kind\":\"exec\","
                             "\"state\":\"FAILED\"}\n");
  CAF_CHECK(complains("coppice: 1.1.3 failed"));
}

CAF_TEST(an empty list says that it is empty) {
  CAF_CHECK(run({"tasks"}) == exit_code::success);
  CAF_CHECK_EQUAL(err.str(), "no tasks\n");
  CAF_CHECK(run({"tasks", "--json"}) == exit_code::success);
  CAF_CHECK_EQUAL(out.str() + err.str(), "");
}

CAF_TEST(lists come in pages) {
  std::string lines;
  for (int i = 1; i <= 5; ++i)
    lines += noop_line(i);
  CAF_REQUIRE(submit(lines) == exit_code::success);
  CAF_CHECK(run({"tasks", "--limit=2", "--json"}) == exit_code::success);
  CAF_CHECK_EQUAL(out.str(),
                  "{\"id\":\"1.1.1\",\"kind\":\"noop\",\"state\":\"WAITING\"}\n"
                  "{\"id\":\"1.1.2\",\"kind\":\"noop\",\"state\":\"WAITING\"}"
                  "\n");
  CAF_CHECK(complains("--after=1.1.2"));
  CAF_CHECK(run({"tasks", "--limit=2", "--all", "--json"})
            == exit_code::success);
  auto text = out.str();
  CAF_CHECK_EQUAL(std::count(text.begin(), text.end(), '\n'), 5);
}

CAF_TEST(what the cluster refuses ends with 4) {
  CAF_CHECK(run({"task", "7.7.7"}) == exit_code::refused);
  CAF_CHECK(complains("no task 7.7.7"));
  CAF_CHECK(run({"cancel", "7.7.7"}) == exit_code::refused);
  CAF_CHECK(run({"nodes"}) == exit_code::refused);
  CAF_CHECK(complains("not here"));
}

CAF_TEST(what becomes of each task is told) {
  store.born = proto::LEASED;
  CAF_REQUIRE(submit(noop_line(1)) == exit_code::success);
  store.born = proto::CANCELLED;
  CAF_REQUIRE(submit(noop_line(2)) == exit_code::success);
  CAF_CHECK(run({"cancel", "1.1.1", "1.1.2"}) == exit_code::success);
  CAF_CHECK_EQUAL(out.str(), "1.1.1 is being stopped by its node\n"
                             "1.1.2 cancelled\n");
  CAF_CHECK(run({"retry", "1.1.2", "7.7.7"}) == exit_code::refused);
  CAF_CHECK_EQUAL(out.str(), "1.1.2 waits for another attempt\n");
  CAF_CHECK(complains("no task 7.7.7"));
  CAF_CHECK(run({"retry", "--json", "1.1.2"}) == exit_code::success);
  CAF_CHECK_EQUAL(out.str(), "{\"id\":\"1.1.2\"}\n");
}

CAF_TEST(a node is released by name) {
  CAF_CHECK(run({"release", "bad"}) == exit_code::success);
  CAF_CHECK_EQUAL(out.str(), "bad is released\n");
  CAF_CHECK(run({"release", "good"}) == exit_code::success);
  CAF_CHECK_EQUAL(out.str(), "good was neither quarantined nor drained\n");
  CAF_CHECK(!parse({"release"}));
}

CAF_TEST(explain says where a task stands in a sentence) {
  auto id = 0;
  for (auto& [state, sentence] :
       {std::pair{proto::WAITING, "is waiting"},
        std::pair{proto::RUNNING, "is running"},
        std::pair{proto::SUCCEEDED, "has succeeded"},
        std::pair{proto::CANCELLED, "was cancelled"}}) {
    store.born = state;
    CAF_REQUIRE(submit(noop_line(++id)) == exit_code::success);
    auto name = "1.1." + std::to_string(id);
    CAF_CHECK(run({"explain", name}) == exit_code::success);
    CAF_CHECK_EQUAL(out.str(), name + " " + sentence + "\n");
  }
}

CAF_TEST(a token is printed once and only its hash is sent) {
  CAF_CHECK(run({"token", "create", "ci", "--role=operator", "--expires=30d"})
            == exit_code::success);
  auto text = out.str();
  CAF_REQUIRE_EQUAL(text.size(), 8u + 43u + 1u);
  CAF_CHECK(text.starts_with("coppice_"));
  text.pop_back();
  CAF_REQUIRE_EQUAL(store.tokens.tokens_size(), 1);
  auto& row = store.tokens.tokens(0);
  CAF_CHECK(row.hash() == hash_token(text));
  CAF_CHECK(row.role() == proto::OPERATOR);
  auto days = (row.expires_ms() - now_ms() + 60'000) / 86'400'000;
  CAF_CHECK_EQUAL(days, 30);
  CAF_CHECK(run({"token", "create", "b", "--role=viewer"})
            == exit_code::success);
  CAF_CHECK_EQUAL(store.tokens.tokens(1).expires_ms(), 0);
  CAF_CHECK(out.str() != text + "\n");
}

CAF_TEST(a list of tokens has no hashes) {
  auto& x = *store.tokens.add_tokens();
  x.set_name("ci");
  x.set_role(proto::ADMIN);
  x.set_hash("secret");
  CAF_CHECK(run({"token", "list", "--json"}) == exit_code::success);
  CAF_CHECK_EQUAL(out.str(), "{\"name\":\"ci\",\"role\":\"ADMIN\"}\n");
  CAF_CHECK(run({"token", "list"}) == exit_code::success);
  CAF_CHECK(out.str().find("never") != std::string::npos);
  CAF_CHECK(out.str().find("secret") == std::string::npos);
  CAF_CHECK(run({"token", "revoke", "x"}) == exit_code::refused);
  CAF_CHECK(complains("no token x"));
}

CAF_TEST_FIXTURE_SCOPE_END()

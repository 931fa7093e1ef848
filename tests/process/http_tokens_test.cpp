// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// Tokens of a real node: made and revoked by the client, asked for by the
// gateway.

#include "tests/process/support/real_node.hpp"
#include "tests/support/http_socket.hpp"

#include <caf/test/unit_test.hpp>

#include <csignal>
#include <string>

using namespace coppice;
using namespace coppice::test;

namespace {

constexpr auto noop = R"({"kind":"noop"})";

struct fixture {
  fixture() {
    node.set("node.roles", "manager,worker,gateway");
    // Beyond loopback: no error, as it asks for tokens.
    node.set("http.listen", "0.0.0.0:" + std::to_string(port));
  }

  void await_ready() {
    CAF_REQUIRE(eventually(
      [&] { return http_socket{port}.ask("GET", "/readyz").status == 200; }));
  }

  command_result token(std::vector<std::string> args) {
    args.insert(args.begin(), "token");
    args.insert(args.end(), {"-c", node.address()});
    return run_coppice(args);
  }

  std::string create(const std::string& role) {
    auto x = token({"create", role, "--role", role});
    CAF_REQUIRE_EQUAL(x.code, 0);
    CAF_REQUIRE_EQUAL(x.out.size(), 52u);
    x.out.pop_back();
    return x.out;
  }

  http_answer ask(const std::string& token, const std::string& method,
                  const std::string& body = {}) {
    http_socket c{port};
    auto text = method + " /v1/tasks HTTP/1.1\r\nHost: coppice.example\r\n";
    if (!token.empty())
      text += "Authorization: Bearer " + token + "\r\n";
    if (!body.empty())
      text += "Content-Type: application/json\r\nContent-Length: "
              + std::to_string(body.size()) + "\r\n";
    c.send(text + "\r\n" + body);
    return c.read();
  }

  bool becomes(int status, const std::string& token, const std::string& method,
               const std::string& body = {}) {
    return eventually(
      [&] { return ask(token, method, body).status == status; });
  }

  temp_folder folder;
  uint16_t port = free_port();
  real_node node{folder.path(), "n1"};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(http_tokens_tests, fixture)

CAF_TEST(tokens say who may ask what and outlive the node) {
  node.start();
  await_ready();
  CAF_CHECK_EQUAL((http_socket{port}.ask("GET", "/v1/tasks").status), 200);
  auto viewer = create("viewer");
  auto worker = create("operator");
  CAF_CHECK(becomes(401, "", "GET"));
  CAF_CHECK(becomes(201, worker, "POST", noop));
  auto refused = ask("", "GET");
  CAF_CHECK_EQUAL(refused.status, 401);
  CAF_CHECK(refused.headers["www-authenticate"] == "Bearer realm=\"coppice\"");
  CAF_CHECK_EQUAL(ask(viewer, "GET").status, 200);
  CAF_CHECK_EQUAL(ask(viewer, "POST", noop).status, 403);
  CAF_CHECK_EQUAL((http_socket{port}.ask("GET", "/healthz").status), 200);

  auto list = token({"list", "--json"});
  CAF_CHECK_EQUAL(list.code, 0);
  CAF_CHECK(list.out.find("\"viewer\"") != std::string::npos);
  CAF_CHECK(list.out.find("hash") == std::string::npos);
  CAF_CHECK_EQUAL(token({"create", "viewer", "--role", "admin"}).code, 4);

  node.signal_node(SIGKILL);
  // Before it knows the tokens again nobody gets in.
  await_ready();
  CAF_CHECK_EQUAL(ask("", "GET").status, 401);
  CAF_CHECK_EQUAL(ask(viewer, "GET").status, 200);
  CAF_CHECK_EQUAL(ask(worker, "POST", noop).status, 201);

  CAF_CHECK_EQUAL(token({"revoke", "viewer"}).code, 0);
  CAF_CHECK(becomes(401, viewer, "GET"));
  CAF_CHECK_EQUAL(ask(worker, "GET").status, 200);
  CAF_CHECK_EQUAL(token({"revoke", "viewer"}).code, 4);
  CAF_CHECK_EQUAL(node.stop(), 0);
}

CAF_TEST_FIXTURE_SCOPE_END()

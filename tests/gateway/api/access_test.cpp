// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/api/access.hpp"

#include "gateway/api/routes.hpp"
#include "runtime/access/token_rules.hpp"

#include <caf/test/unit_test.hpp>

using namespace coppice;

namespace {

constexpr int64_t now = 1'000'000;

const api::token_book none;

/// Tokens whose secrets are their names.
api::token_book make_book() {
  proto::TokensReply xs;
  auto add = [&](const std::string& name, int role, int64_t expires_ms = 0) {
    auto& x = *xs.add_tokens();
    x.set_name(name);
    x.set_role(static_cast<proto::TokenRole>(role));
    x.set_hash(hash_token(name));
    x.set_expires_ms(expires_ms);
  };
  add("viewer", proto::VIEWER);
  add("operator", proto::OPERATOR);
  add("admin", proto::ADMIN);
  add("late", proto::ADMIN, now);
  add("soon", proto::ADMIN, now + 1);
  add("newer", proto::ADMIN + 1);
  return api::token_book{xs};
}

const auto book = make_book();

http::request make(const std::string& authorization, bool from_loopback = true,
                   std::string host = "localhost:7480") {
  http::header_list headers{{"host", std::move(host)}};
  if (!authorization.empty())
    headers.emplace_back("authorization", authorization);
  return {"POST", "/v1/tasks", std::move(headers), {}, from_loopback};
}

unsigned status(const http::request& x, const api::token_book* known,
                proto::TokenRole least = proto::VIEWER) {
  auto refused = api::admit(x, known, now, least);
  return refused ? refused->status : 200;
}

std::string challenge(const http::request& x, proto::TokenRole least) {
  auto refused = api::admit(x, &book, now, least);
  CAF_REQUIRE(refused);
  return std::string{http::find_header(refused->headers, "WWW-Authenticate")};
}

} // namespace

CAF_TEST(without tokens only this machine is served) {
  CAF_CHECK_EQUAL(status(make(""), &none, proto::ADMIN), 200u);
  CAF_CHECK_EQUAL(status(make("", false), &none), 403u);
  CAF_CHECK_EQUAL(status(make("Bearer admin", false), &none), 403u);
  // Nor by way of a browser.
  CAF_CHECK_EQUAL(status(make("", true, "evil.example"), &none), 421u);
  auto page = make("");
  page.headers.emplace_back("origin", "http://evil.example");
  CAF_CHECK_EQUAL(status(page, &none), 403u);
}

CAF_TEST(with tokens each request needs one from wherever it comes) {
  for (auto from_loopback : {true, false}) {
    CAF_CHECK_EQUAL(status(make("", from_loopback), &book), 401u);
    CAF_CHECK_EQUAL(status(make("Bearer nonesuch", from_loopback), &book),
                    401u);
    CAF_CHECK_EQUAL(status(make("Bearer viewer", from_loopback), &book), 200u);
    auto host = make("Bearer viewer", from_loopback, "coppice.example");
    CAF_CHECK_EQUAL(status(host, &book), 200u);
  }
}

CAF_TEST(each role may do what those before it may) {
  auto may = [](const std::string& who, proto::TokenRole least) {
    return status(make("Bearer " + who, false), &book, least);
  };
  CAF_CHECK_EQUAL(may("viewer", proto::OPERATOR), 403u);
  CAF_CHECK_EQUAL(may("viewer", proto::ADMIN), 403u);
  CAF_CHECK_EQUAL(may("operator", proto::VIEWER), 200u);
  CAF_CHECK_EQUAL(may("operator", proto::OPERATOR), 200u);
  CAF_CHECK_EQUAL(may("operator", proto::ADMIN), 403u);
  CAF_CHECK_EQUAL(may("admin", proto::ADMIN), 200u);
  // A role of a newer version is none.
  CAF_CHECK_EQUAL(may("newer", proto::VIEWER), 403u);
}

CAF_TEST(a token is valid until it expires) {
  CAF_CHECK_EQUAL(status(make("Bearer late"), &book), 401u);
  CAF_CHECK_EQUAL(status(make("Bearer soon"), &book), 200u);
  // One that has expired opens nothing to others.
  proto::TokensReply xs;
  xs.add_tokens()->set_expires_ms(1);
  api::token_book expired{xs};
  CAF_CHECK_EQUAL(status(make(""), &expired), 401u);
}

CAF_TEST(the scheme is read as clients write it) {
  CAF_CHECK_EQUAL(status(make("bearer viewer"), &book), 200u);
  CAF_CHECK_EQUAL(status(make("BEARER  viewer"), &book), 200u);
  CAF_CHECK_EQUAL(status(make("Basic viewer"), &book), 401u);
  CAF_CHECK_EQUAL(status(make("viewer"), &book), 401u);
  CAF_CHECK_EQUAL(status(make("Bearer"), &book), 401u);
  CAF_CHECK_EQUAL(status(make("Bearer "), &book), 401u);
  auto twice = make("Bearer nonesuch");
  twice.headers.emplace_back("authorization", "Bearer admin");
  CAF_CHECK_EQUAL(status(twice, &book), 400u);
}

CAF_TEST(a refusal says how to go on) {
  auto plain = challenge(make(""), proto::VIEWER);
  CAF_CHECK_EQUAL(plain, "Bearer realm=\"coppice\"");
  auto wrong = challenge(make("Bearer x"), proto::VIEWER);
  CAF_CHECK_EQUAL(wrong, "Bearer realm=\"coppice\", error=\"invalid_token\"");
  auto weak = challenge(make("Bearer viewer"), proto::ADMIN);
  CAF_CHECK_EQUAL(weak, "Bearer realm=\"coppice\","
                        " error=\"insufficient_scope\", scope=\"admin\"");
}

CAF_TEST(nobody is served before the tokens are known) {
  for (auto from_loopback : {true, false}) {
    CAF_CHECK_EQUAL(status(make("", from_loopback), nullptr), 503u);
    CAF_CHECK_EQUAL(status(make("Bearer admin", from_loopback), nullptr), 503u);
  }
  auto refused = api::admit(make(""), nullptr, now, proto::VIEWER);
  CAF_REQUIRE(refused);
  CAF_CHECK(!http::find_header(refused->headers, "Retry-After").empty());
}

CAF_TEST(health is for everybody) {
  for (auto* known :
       {static_cast<const api::token_book*>(nullptr), &none, &book})
    for (auto from_loopback : {true, false})
      CAF_CHECK_EQUAL(
        status(make("", from_loopback), known, proto::TOKEN_ROLE_UNKNOWN),
        200u);
}

CAF_TEST(routes ask for the role that they take) {
  auto asked = [](std::string method, std::string target,
                  const std::string& who) {
    http::header_list headers{{"authorization", "Bearer " + who}};
    auto routed = api::route_request(
      {std::move(method), std::move(target), headers, {}, false}, &book, now);
    auto* refused = std::get_if<http::response>(&routed);
    return refused ? refused->status : 200;
  };
  CAF_CHECK_EQUAL(asked("GET", "/v1/tasks", "viewer"), 200u);
  CAF_CHECK_EQUAL(asked("POST", "/v1/tasks/1.1.1/cancel", "viewer"), 403u);
  CAF_CHECK_EQUAL(asked("POST", "/v1/tasks/1.1.1/cancel", "operator"), 200u);
  CAF_CHECK_EQUAL(asked("POST", "/v1/nodes/n/drain", "operator"), 200u);
  CAF_CHECK_EQUAL(asked("DELETE", "/v1/nodes/n", "operator"), 403u);
  CAF_CHECK_EQUAL(asked("DELETE", "/v1/nodes/n", "admin"), 200u);
  // What there is not is told to nobody who may see nothing.
  CAF_CHECK_EQUAL(asked("GET", "/v1/nonesuch", "nobody"), 401u);
  CAF_CHECK_EQUAL(asked("GET", "/v1/nonesuch", "viewer"), 404u);
  CAF_CHECK_EQUAL(asked("GET", "/healthz", "nobody"), 200u);
}

CAF_TEST(only what changes nothing is for viewers) {
  for (auto& x : api::routes()) {
    CAF_MESSAGE(std::string{x.operation});
    auto is_open = x.path == "/healthz" || x.path == "/readyz";
    CAF_CHECK_EQUAL(x.least == proto::TOKEN_ROLE_UNKNOWN, is_open);
    CAF_CHECK_EQUAL(x.method == "GET", x.least <= proto::VIEWER);
  }
}

CAF_TEST(a gateway that knows no tokens is not ready) {
  auto routed
    = api::route_request({"GET", "/readyz", {}, {}, true}, nullptr, now);
  auto* refused = std::get_if<http::response>(&routed);
  CAF_REQUIRE(refused);
  CAF_CHECK_EQUAL(refused->status, 503u);
  CAF_CHECK(refused->body.find("not ready yet") != std::string::npos);
}

CAF_TEST(a token that was the last one is not taken for none) {
  auto revoked = make("Bearer coppice_" + std::string(43, 'a'));
  CAF_CHECK_EQUAL(status(revoked, &none), 401u);
  // What a service makes of its own is not for the gateway to judge.
  CAF_CHECK_EQUAL(status(make("Bearer of-a-service"), &none), 200u);
}

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/forward/head_rules.hpp"

#include <caf/test/unit_test.hpp>

#include <set>

using namespace coppice;
using namespace coppice::forward;

namespace {

const route_place place{2, 7, "n1", "127.0.0.1:1", true};

std::string render(http::header_list headers, const std::string& id = "k") {
  http::request x{"GET", "/s/a/b", std::move(headers), {}, true, "127.0.0.9"};
  return render_forwarded(x, {&place, "a", "/b", id, 0, true});
}

bool has(const std::string& text, const std::string& line) {
  return text.find("\r\n" + line + "\r\n") != std::string::npos;
}

} // namespace

CAF_TEST(a target names a service and what to ask it) {
  auto check = [](const char* text, const char* name, const char* rest) {
    auto x = parse_service_target(text);
    CAF_REQUIRE(x);
    CAF_CHECK_EQUAL(x.value().name, name);
    CAF_CHECK_EQUAL(x.value().rest, rest);
  };
  check("/s/a/b/c?d=e", "a", "/b/c?d=e");
  check("/s/a", "a", "/");
  check("/s/a?x=1", "a", "/?x=1");
  check("/s/a//b%2Fc", "a", "//b%2Fc");
  check("HTTP://host:1/s/a/b", "a", "/b");
  check("/s/a/b#c", "a", "/b");
  for (auto text : {"/s/", "/s//b", "/s/a%20b/", "/s", "/v1/tasks", "*",
                    "http://host", "/s/a b"})
    CAF_CHECK(!parse_service_target(text));
}

CAF_TEST(what is for one connection only does not go on) {
  auto text = render({{"host", "h"},
                      {"connection", "close, X-Drop ,keep-alive"},
                      {"x-drop", "1"},
                      {"keep-alive", "5"},
                      {"te", "trailers"},
                      {"transfer-encoding", "chunked"},
                      {"content-length", "9"},
                      {"proxy-authorization", "p"},
                      {"upgrade", "h2c"},
                      {"x-stay", "2"}});
  CAF_CHECK(has(text, "x-stay: 2"));
  CAF_CHECK(has(text, "host: h"));
  for (auto name :
       {"connection", "x-drop", "keep-alive", "te", "transfer-encoding",
        "content-length", "proxy-authorization", "upgrade"})
    CAF_CHECK(text.find(std::string{"\r\n"} + name + ": ")
              == std::string::npos);
}

CAF_TEST(a service is told who asks and by way of whom) {
  auto text = render({{"host", "h"}});
  CAF_CHECK(has(text, "x-forwarded-for: 127.0.0.9"));
  CAF_CHECK(has(text, "via: 1.1 coppice"));
  text = render({{"x-forwarded-for", "10.0.0.1"}, {"via", "1.0 other"}});
  CAF_CHECK(has(text, "x-forwarded-for: 10.0.0.1, 127.0.0.9"));
  CAF_CHECK(has(text, "via: 1.0 other, 1.1 coppice"));
}

CAF_TEST(nobody can pretend to be a forwarder) {
  auto text = render({{"coppice-epoch", "9"}, {"coppice-service", "other"}});
  CAF_CHECK(has(text, "coppice-epoch: 7"));
  CAF_CHECK(has(text, "coppice-instance: 2"));
  CAF_CHECK(has(text, "coppice-service: a"));
  CAF_CHECK(text.find("other") == std::string::npos);
}

CAF_TEST(the id of a request cannot be dropped by its client) {
  auto text = render({{"connection", "idempotency-key, host"},
                      {"host", "h"},
                      {"idempotency-key", "k"}});
  CAF_CHECK(has(text, "idempotency-key: k"));
  CAF_CHECK(has(text, "host: h"));
}

CAF_TEST(nothing in a header ends its line) {
  auto text = render({{"x", "a\r\nevil: 1"}});
  CAF_CHECK(has(text, "x: a  evil: 1"));
}

CAF_TEST(a client has one id of a bounded size or none) {
  CAF_CHECK(client_id({}).value().empty());
  CAF_CHECK(client_id({{"idempotency-key", "x"}}).value() == "x");
  CAF_CHECK(!client_id({{"idempotency-key", ""}}));
  CAF_CHECK(!client_id({{"idempotency-key", std::string(257, 'x')}}));
  CAF_CHECK(!client_id({{"idempotency-key", "x"}, {"idempotency-key", "x"}}));
}

CAF_TEST(ids that are made differ) {
  std::set<std::string> ids;
  for (auto i = 0; i < 1'000; ++i)
    ids.insert(make_id());
  CAF_CHECK_EQUAL(ids.size(), 1'000u);
  CAF_CHECK_EQUAL(ids.begin()->size(), 32u);
}

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/http/wire.hpp"

#include "gateway/http/problem.hpp"

#include <caf/test/unit_test.hpp>

using namespace coppice;

CAF_TEST(a head says how long the body is and who hangs up) {
  http::response x{200, "text/plain", {{"location", "/v1/tasks/1.1.1"}}, {}};
  CAF_CHECK_EQUAL(http::render_head(x, {11, true, 5, 0}),
                  "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                  "Content-Type: text/plain\r\nlocation: /v1/tasks/1.1.1\r\n"
                  "Content-Length: 5\r\n\r\n");
  auto has = [&](http::framing how, const char* part) {
    return http::render_head(x, how).find(part) != std::string::npos;
  };
  CAF_CHECK(has({11, false, 5, 0}, "Connection: close\r\n"));
  CAF_CHECK(has({10, true, 5, 0}, "Connection: keep-alive\r\n"));
  CAF_CHECK(has({11, true, std::nullopt, 0}, "Transfer-Encoding: chunked\r\n"));
  CAF_CHECK(!has({10, true, std::nullopt, 0}, "Transfer-Encoding"));
  CAF_CHECK(has({10, true, std::nullopt, 0}, "Connection: close\r\n"));
}

CAF_TEST(nothing in a header can end its line) {
  http::response x{200, {}, {{"x", "a\r\nSet-Cookie: b"}}, {}};
  auto text = http::render_head(x, {11, true, 0, 0});
  CAF_CHECK(text.find("x: a  Set-Cookie: b\r\n") != std::string::npos);
}

CAF_TEST(dates are those of HTTP) {
  CAF_CHECK_EQUAL(http::http_date(784'111'777),
                  "Sun, 06 Nov 1994 08:49:37 GMT");
}

CAF_TEST(chunks begin with their size) {
  CAF_CHECK_EQUAL(http::render_chunk(std::string(17, 'x')),
                  "11\r\n" + std::string(17, 'x') + "\r\n");
}

CAF_TEST(each error has a status with a name and a body that says it) {
  for (auto code = 1; code <= 12; ++code) {
    auto x = http::problem(error{static_cast<ec>(code), "w\"h\xffy"});
    CAF_CHECK(!http::status_name(x.status).empty());
    CAF_CHECK_EQUAL(x.type, "application/problem+json");
    auto name = std::string{"\"code\":\""} + to_string(static_cast<ec>(code));
    CAF_CHECK(x.body.find(name) != std::string::npos);
    CAF_CHECK(x.body.find("w\\\"h") != std::string::npos);
  }
  CAF_CHECK_EQUAL(http::status_of(static_cast<ec>(200)), 500u);
  auto busy = http::problem({ec::overloaded, "x"});
  CAF_CHECK_EQUAL(http::find_header(busy.headers, "Retry-After"), "1");
}

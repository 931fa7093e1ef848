// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/http/target.hpp"

#include <caf/test/unit_test.hpp>

#include <random>

using namespace coppice;

namespace {

using strings = std::vector<std::string>;

} // namespace

CAF_TEST(a path is cut and decoded) {
  auto x = http::parse_target("/v1/tasks/a%2Fb%20c+d");
  CAF_REQUIRE(x);
  CAF_CHECK_EQUAL(x.value().segments, (strings{"v1", "tasks", "a/b c+d"}));
  auto root = http::parse_target("/");
  CAF_REQUIRE(root);
  CAF_CHECK_EQUAL(root.value().segments, strings{""});
  auto proxied = http::parse_target("http://host:80/v1?a=b");
  CAF_REQUIRE(proxied);
  CAF_CHECK_EQUAL(proxied.value().segments, strings{"v1"});
}

CAF_TEST(a query has names and values in their order) {
  auto x = http::parse_target("/t?a=1&b=x+y%26z&a=&&c&d==&%C3%A4=%c3%b6");
  CAF_REQUIRE(x);
  http::query_list expected{{"a", "1"}, {"b", "x y&z"},
                            {"a", ""},  {"c", ""},
                            {"d", "="}, {"\xc3\xa4", "\xc3\xb6"}};
  CAF_CHECK(x.value().query == expected);
}

CAF_TEST(what is no target is refused) {
  for (auto text :
       {"", "*", "v1", "host:80", "/%", "/%4", "/%zz", "/%4x", "/a?b=%",
        "/a?%f=1", "/%ff", "/%00", "/%0d%0a", "/a?x=%7f", "/a?x=%c3"}) {
    CAF_MESSAGE(text);
    auto x = http::parse_target(text);
    CAF_CHECK(!x && x.error().code == ec::invalid_argument);
  }
}

CAF_TEST(whatever is encoded comes back) {
  std::minstd_rand rng{3};
  for (auto round = 0; round < 500; ++round) {
    std::string text;
    std::string encoded;
    for (auto n = rng() % 20; n > 0; --n) {
      auto c = static_cast<char>(0x20 + rng() % 0x5F);
      text += c;
      char buffer[4];
      std::snprintf(buffer, sizeof(buffer), "%%%02x", c);
      encoded += buffer;
    }
    auto x = http::percent_decode(encoded, round % 2 == 0);
    CAF_REQUIRE(x);
    CAF_CHECK_EQUAL(x.value(), text);
  }
}

CAF_TEST(garbage is decoded or refused) {
  std::minstd_rand rng{4};
  for (auto round = 0; round < 5'000; ++round) {
    std::string text = "/";
    for (auto n = rng() % 30; n > 0; --n)
      text += "%/?&=+0aF\xff\x01"[rng() % 11];
    if (auto x = http::parse_target(text))
      CAF_CHECK(!x.value().segments.empty());
  }
}

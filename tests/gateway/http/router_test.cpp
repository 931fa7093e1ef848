// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/http/router.hpp"

#include <caf/test/unit_test.hpp>

using namespace coppice;

namespace {

const http::router routes{{{"GET", "/v1/tasks"},
                           {"POST", "/v1/tasks"},
                           {"GET", "/v1/tasks/{id}"},
                           {"POST", "/v1/tasks/batch"},
                           {"POST", "/v1/tasks/{id}/cancel"},
                           {"GET", "/{any}/tasks"},
                           {"DELETE", "/v1/nodes/{node}"}}};

using strings = std::vector<std::string>;

auto find(std::string_view method, strings path) {
  return routes.find(method, path);
}

size_t found(std::string_view method, strings path) {
  auto x = find(method, path);
  auto* match = std::get_if<http::route_match>(&x);
  return match ? match->route : 99;
}

strings allowed(std::string_view method, strings path) {
  auto x = find(method, path);
  auto* miss = std::get_if<http::route_miss>(&x);
  CAF_REQUIRE(miss);
  return {miss->allowed.begin(), miss->allowed.end()};
}

} // namespace

CAF_TEST(a route is found by method and path) {
  CAF_CHECK_EQUAL(found("GET", {"v1", "tasks"}), 0u);
  CAF_CHECK_EQUAL(found("POST", {"v1", "tasks"}), 1u);
  CAF_CHECK_EQUAL(found("HEAD", {"v1", "tasks"}), 0u);
  CAF_CHECK_EQUAL(found("GET", {"v2", "tasks"}), 5u);
}

CAF_TEST(what stands in braces is handed on) {
  auto x = find("POST", {"v1", "tasks", "1.1.7", "cancel"});
  auto* match = std::get_if<http::route_match>(&x);
  CAF_REQUIRE(match);
  CAF_CHECK_EQUAL(match->route, 4u);
  CAF_CHECK_EQUAL(match->values.at("id"), "1.1.7");
}

CAF_TEST(what is spelled out goes before what is in braces) {
  CAF_CHECK_EQUAL(found("POST", {"v1", "tasks", "batch"}), 3u);
  CAF_CHECK_EQUAL(allowed("GET", {"v1", "tasks", "batch"}), strings{"POST"});
}

CAF_TEST(a path that is known says its methods) {
  CAF_CHECK_EQUAL(allowed("DELETE", {"v1", "tasks"}),
                  (strings{"GET", "HEAD", "POST"}));
  CAF_CHECK_EQUAL(allowed("get", {"v1", "nodes", "x"}), strings{"DELETE"});
}

CAF_TEST(a path that is not known has none) {
  for (auto& path :
       {strings{}, strings{""}, strings{"v1"}, strings{"v1", "tasks", ""},
        strings{"v1", "tasks", "1", ""}, strings{"v1", "tasks", "1", "x"},
        strings{"V1", "nodes"}})
    CAF_CHECK(allowed("GET", path).empty());
}

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/api/routes.hpp"
#include "gateway/http/problem.hpp"
#include "gateway/http/router.hpp"

#include <algorithm>
#include <string>

namespace coppice::api {

namespace {

http::router make_router() {
  std::vector<http::route_pattern> patterns;
  for (auto& x : routes())
    patterns.push_back({x.method, x.path});
  return http::router{std::move(patterns)};
}

http::response refuse_miss(const http::route_miss& x) {
  if (x.allowed.empty())
    return http::problem(404, "not_found",
                         "there is nothing at this path; GET /v1/openapi.json"
                         " says what there is");
  std::string methods;
  for (auto method : x.allowed)
    methods.append(methods.empty() ? "" : ", ").append(method);
  auto result
    = http::problem(405, "method_not_allowed", "this path has only " + methods);
  result.headers.emplace_back("Allow", methods);
  return result;
}

std::string known_parameters(const route& x) {
  std::string names;
  for (auto& y : x.parameters)
    names.append(names.empty() ? "" : ", ").append(y.name);
  return names.empty() ? "there are none" : "there are " + names;
}

std::optional<error> check_query(const route& what,
                                 const http::query_list& query) {
  for (auto& [name, value] : query) {
    auto known = std::find_if(what.parameters.begin(), what.parameters.end(),
                              [&](auto& x) { return x.name == name; });
    if (known == what.parameters.end())
      return error{ec::invalid_argument, "'" + name
                                           + "' is no parameter of this path; "
                                           + known_parameters(what)};
    auto times = std::count_if(query.begin(), query.end(),
                               [&](auto& x) { return x.first == name; });
    if (times > 1 && !known->repeats)
      return error{ec::invalid_argument, "'" + name + "' is given twice"};
  }
  return std::nullopt;
}

/// Only this type, so that no form of a page in a browser can be one.
bool is_json(std::string_view type) {
  type = type.substr(0, type.find(';'));
  while (!type.empty() && type.back() == ' ')
    type.remove_suffix(1);
  return type == "application/json";
}

std::optional<http::response> check_body(const route& what,
                                         const http::request& x) {
  if (what.body == body_use::none && !x.body.empty())
    return http::problem(400, "invalid_argument", "this path takes no body");
  if (what.body == body_use::required && x.body.empty())
    return http::problem(400, "invalid_argument", "the body is missing");
  if (!x.body.empty() && !is_json(http::find_header(x.headers, "content-type")))
    return http::problem(415, "unsupported_media_type",
                         "the Content-Type of the body must be"
                         " application/json");
  return std::nullopt;
}

std::string_view without_port(std::string_view host) {
  if (host.starts_with('[')) // An IPv6 address.
    return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

bool is_own_name(std::string_view host) {
  auto name = without_port(host);
  // All of 127/8 as digits, but no name such as 127.example.com.
  return name == "localhost" || name == "[::1]"
         || (name.starts_with("127.")
             && name.find_first_not_of("0123456789.")
                  == std::string_view::npos);
}

bool changes_something(std::string_view method) {
  return method != "GET" && method != "HEAD";
}

} // namespace

std::optional<std::string_view> call::parameter(std::string_view name) const {
  for (auto& [key, value] : query)
    if (key == name)
      return value;
  return std::nullopt;
}

std::optional<http::response> refuse_browsers(const http::request& x) {
  // A name of somebody else that resolves to this machine: the page that it
  // came from believes to speak to its own server.
  auto host = http::find_header(x.headers, "host");
  if (!host.empty() && !is_own_name(host))
    return http::problem(421, "misdirected_request",
                         "this gateway serves this machine only: say"
                         " localhost or 127.0.0.1");
  if (!changes_something(x.method))
    return std::nullopt;
  auto origin = http::find_header(x.headers, "origin");
  auto site = http::find_header(x.headers, "sec-fetch-site");
  auto is_own = origin.empty() || origin == "http://" + std::string{host};
  auto is_here = site.empty() || site == "same-origin" || site == "none";
  if (!is_own || !is_here)
    return http::problem(403, "forbidden",
                         "a page of another site may change nothing here");
  return std::nullopt;
}

std::variant<routed_call, http::response> route_request(http::request x) {
  static const auto router = make_router();
  if (auto refused = refuse_browsers(x))
    return std::move(*refused);
  auto target = http::parse_target(x.target);
  if (!target)
    return http::problem(target.error());
  auto found = router.find(x.method, target.value().segments);
  if (auto* miss = std::get_if<http::route_miss>(&found))
    return refuse_miss(*miss);
  auto& match = std::get<http::route_match>(found);
  auto& what = routes()[match.route];
  auto refuse = [&](http::response why) {
    why.operation = what.operation;
    return why;
  };
  if (auto bad = check_query(what, target.value().query))
    return refuse(http::problem(*bad));
  if (auto bad = check_body(what, x))
    return refuse(std::move(*bad));
  return routed_call{&what,
                     {std::move(match.values), std::move(target.value().query),
                      std::move(x.headers), std::move(x.body)}};
}

} // namespace coppice::api

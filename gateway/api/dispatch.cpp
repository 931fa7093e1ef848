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

bool is_probe(const route& what) {
  auto* how = std::get_if<question>(&what.serve);
  return how != nullptr && how->is_probe;
}

} // namespace

std::optional<std::string_view> call::parameter(std::string_view name) const {
  for (auto& [key, value] : query)
    if (key == name)
      return value;
  return std::nullopt;
}

std::variant<routed_call, http::response>
route_request(http::request x, const token_book* known, int64_t now_ms) {
  static const auto router = make_router();
  auto target = http::parse_target(x.target);
  if (!target) {
    auto refused = admit(x, known, now_ms, proto::VIEWER);
    return refused ? std::move(*refused) : http::problem(target.error());
  }
  auto found = router.find(x.method, target.value().segments);
  // Who may see nothing is not told either what there is.
  if (auto* miss = std::get_if<http::route_miss>(&found)) {
    auto refused = admit(x, known, now_ms, proto::VIEWER);
    return refused ? std::move(*refused) : refuse_miss(*miss);
  }
  auto& match = std::get<http::route_match>(found);
  auto& what = routes()[match.route];
  auto refuse = [&](http::response why) {
    why.operation = what.operation;
    return why;
  };
  if (auto refused = admit(x, known, now_ms, what.least))
    return refuse(std::move(*refused));
  if (auto bad = check_query(what, target.value().query))
    return refuse(http::problem(*bad));
  if (auto bad = check_body(what, x))
    return refuse(std::move(*bad));
  routed_call result{&what,
                     {std::move(match.values), std::move(target.value().query),
                      std::move(x.headers), std::move(x.body)}};
  if (!known && is_probe(what)) {
    proto::Reply reply;
    reply.mutable_error()->set_message(tokens_unknown);
    return refuse(std::get<question>(what.serve).answer(result.x, reply));
  }
  return result;
}

} // namespace coppice::api

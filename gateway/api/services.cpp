// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/api/handlers.hpp"
#include "gateway/http/problem.hpp"

#include <string>
#include <utility>

namespace coppice::api {

namespace {

result<proto::Request> ask_services(const call&) {
  proto::Request request;
  request.mutable_services();
  return request;
}

/// Leaves out what may be secret.
proto::ServiceRow told(proto::ServiceRow x) {
  x.mutable_spec()->clear_environment();
  return x;
}

http::response answer_services(const call&, const proto::Reply& x) {
  auto services = x.services();
  for (auto& row : *services.mutable_services())
    row = told(std::move(row));
  return json(services);
}

http::response answer_service(const call& x, const proto::Reply& reply) {
  auto& name = x.path.at("name");
  for (auto& row : reply.services().services())
    if (row.spec().name() == name)
      return json(told(row));
  return http::problem({ec::not_found, "there is no service '" + name + "'"});
}

} // namespace

void add_service_routes(std::vector<route>& xs) {
  auto add = [&](auto method, auto path, auto operation, question x) {
    xs.push_back({method, path, operation, {}, body_use::none, x});
  };
  add("GET", "/v1/services", "listServices", {ask_services, answer_services});
  add("GET", "/v1/services/{name}", "getService",
      {ask_services, answer_service});
}

} // namespace coppice::api

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/api/handlers.hpp"
#include "gateway/http/problem.hpp"
#include "proto/http.pb.h"
#include "runtime/duration.hpp"
#include "runtime/proto_json.hpp"

#include <algorithm>
#include <string>

namespace coppice::api {

namespace {

// -- nodes --------------------------------------------------------------------

result<proto::Request> ask_nodes(const call&) {
  proto::Request request;
  request.mutable_nodes();
  return request;
}

http::response answer_nodes(const call&, const proto::Reply& x) {
  return json(x.nodes());
}

http::response answer_node(const call& x, const proto::Reply& reply) {
  auto& name = x.path.at("node");
  for (auto& node : reply.nodes().nodes())
    if (node.name() == name)
      return json(node);
  return http::problem({ec::not_found, "there is no node '" + name + "'"});
}

result<proto::Request> ask_drain(const call& x) {
  proto::DrainOptions options;
  if (!x.body.empty())
    if (auto read = from_json(x.body, options); !read)
      return error{ec::invalid_argument,
                   "no options of a drain in JSON: " + read.error().message};
  proto::Request request;
  request.mutable_drain()->set_node(x.path.at("node"));
  auto deadline = to_milliseconds(options.deadline());
  request.mutable_drain()->set_deadline_ms(deadline.count());
  return request;
}

http::response answer_drain(const call&, const proto::Reply& x) {
  return json(x.drain());
}

result<proto::Request> ask_release(const call& x) {
  proto::Request request;
  request.mutable_release()->set_node(x.path.at("node"));
  return request;
}

http::response answer_release(const call&, const proto::Reply& x) {
  return json(x.release());
}

result<proto::Request> ask_forget(const call& x) {
  proto::Request request;
  request.mutable_forget_node()->set_node(x.path.at("node"));
  return request;
}

http::response answer_forget(const call&, const proto::Reply&) {
  return {204, {}, {}, {}};
}

// -- events -------------------------------------------------------------------

result<proto::Request> ask_events(const call& x) {
  proto::Request request;
  auto after = number(x, "after", 4'000'000'000);
  if (!after)
    return after.error();
  auto limit = number(x, "limit", 1'000);
  if (!limit)
    return limit.error();
  request.mutable_events()->set_after(after.value());
  request.mutable_events()->set_limit(limit.value());
  return request;
}

http::response answer_events(const call&, const proto::Reply& x) {
  return json(x.events());
}

// -- products -----------------------------------------------------------------

result<proto::Request> ask_products(const call&) {
  proto::Request request;
  request.mutable_products();
  return request;
}

http::response answer_products(const call&, const proto::Reply& x) {
  return json(x.products());
}

result<proto::Request> ask_product(const call& x) {
  proto::Request request;
  request.mutable_products()->add_names(x.path.at("product"));
  return request;
}

http::response answer_product(const call& x, const proto::Reply& reply) {
  if (reply.products().products_size() == 1)
    return json(reply.products().products(0));
  return http::problem(
    {ec::not_found, "there is no product '" + x.path.at("product") + "'"});
}

} // namespace

void add_node_routes(std::vector<route>& xs) {
  auto add = [&](auto method, auto path, auto operation, question x) {
    xs.push_back({method, path, operation, {}, body_use::none, x});
  };
  add("GET", "/v1/nodes", "listNodes", {ask_nodes, answer_nodes});
  add("GET", "/v1/nodes/{node}", "getNode", {ask_nodes, answer_node});
  add("DELETE", "/v1/nodes/{node}", "forgetNode", {ask_forget, answer_forget});
  xs.back().least = proto::ADMIN;
  add("POST", "/v1/nodes/{node}/drain", "drainNode", {ask_drain, answer_drain});
  xs.back().body = body_use::optional;
  xs.back().least = proto::OPERATOR;
  add("POST", "/v1/nodes/{node}/release", "releaseNode",
      {ask_release, answer_release});
  xs.back().least = proto::OPERATOR;
  add("GET", "/v1/events", "listEvents", {ask_events, answer_events});
  xs.back().parameters = {{"after"}, {"limit"}};
  add("GET", "/v1/products", "listProducts", {ask_products, answer_products});
  add("GET", "/v1/products/{product}", "getProduct",
      {ask_product, answer_product});
}

} // namespace coppice::api

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/api/handlers.hpp"
#include "runtime/proto_json.hpp"
#include "runtime/task/lease_rules.hpp"

namespace coppice::api {

namespace {

result<proto::Request> ask_lease(const call& x) {
  proto::Request request;
  auto& wanted = *request.mutable_lease_tasks();
  if (auto read = from_json(x.body, wanted); !read)
    return error{ec::invalid_argument,
                 "no request for tasks in JSON: " + read.error().message};
  auto key = http::find_header(x.headers, "idempotency-key");
  if (!key.empty()) {
    if (!wanted.request_id().empty() && wanted.request_id() != key)
      return error{ec::invalid_argument,
                   "the header Idempotency-Key and requestId differ"};
    wanted.set_request_id(std::string{key});
  }
  if (auto okay = check_lease_request(wanted); !okay)
    return okay.error();
  return request;
}

http::response answer_lease(const call&, const proto::Reply& x) {
  return json(x.lease_tasks());
}

/// Reads the body as what *news* returns of a request.
template <class F>
result<proto::Request> ask_news(const call& x, F news) {
  proto::Request request;
  request.mutable_client_lease()->set_lease(x.path.at("id"));
  auto& body = *news(*request.mutable_client_lease());
  // Of progress there may be none.
  if (!x.body.empty())
    if (auto read = from_json(x.body, body); !read)
      return error{ec::invalid_argument,
                   "no news of a lease in JSON: " + read.error().message};
  if (auto okay = check_lease_news(request.client_lease()); !okay)
    return okay.error();
  return request;
}

result<proto::Request> ask_progress(const call& x) {
  return ask_news(x, [](auto& y) { return y.mutable_progress(); });
}

result<proto::Request> ask_checkpoint(const call& x) {
  return ask_news(x, [](auto& y) { return y.mutable_checkpoint(); });
}

result<proto::Request> ask_finish(const call& x) {
  return ask_news(x, [](auto& y) { return y.mutable_finish(); });
}

http::response answer_news(const call&, const proto::Reply& x) {
  return json(x.client_lease());
}

} // namespace

void add_lease_routes(std::vector<route>& xs) {
  auto add = [&](auto path, auto operation, body_use body, question x) {
    xs.push_back({"POST", path, operation, {}, body, x});
    xs.back().least = proto::OPERATOR;
  };
  add("/v1/leases", "leaseTasks", body_use::required,
      {ask_lease, answer_lease});
  add("/v1/leases/{id}/progress", "reportProgress", body_use::optional,
      {ask_progress, answer_news});
  add("/v1/leases/{id}/checkpoint", "saveCheckpoint", body_use::required,
      {ask_checkpoint, answer_news});
  add("/v1/leases/{id}/finish", "finishLease", body_use::required,
      {ask_finish, answer_news});
}

} // namespace coppice::api

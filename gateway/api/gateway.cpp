// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/api/description.hpp"
#include "gateway/api/handlers.hpp"
#include "proto/http.pb.h"

#include <string>

namespace coppice::api {

namespace {

http::response answer_health() {
  proto::Health x;
  x.set_status("ok");
  return json(x);
}

http::response answer_description() {
  return {200, "application/json", {}, std::string{description()}};
}

result<proto::Request> ask_ready(const call&) {
  proto::Request request;
  request.mutable_shards();
  return request;
}

http::response answer_ready(const call&, const proto::Reply& x) {
  proto::Health health;
  if (x.has_error())
    health.add_notes(x.error().message());
  else if (x.shards().shards().empty())
    health.add_notes("no group of the cluster is known");
  for (auto& shard : x.shards().shards())
    if (shard.leader().empty())
      health.add_notes(shard.group() + " has no leader that is known");
  auto ready = health.notes().empty();
  health.set_status(ready ? "ok" : "unavailable");
  return json(health, ready ? 200 : 503);
}

} // namespace

void add_gateway_routes(std::vector<route>& xs) {
  auto add = [&](auto path, auto operation, auto serve) {
    xs.push_back({"GET", path, operation, {}, body_use::none, serve});
  };
  add("/healthz", "getHealth", own_answer{answer_health});
  xs.back().least = proto::TOKEN_ROLE_UNKNOWN;
  add("/readyz", "getReadiness", question{ask_ready, answer_ready, true});
  xs.back().least = proto::TOKEN_ROLE_UNKNOWN;
  add("/metrics", "getMetrics", metrics_answer{});
  add("/v1/openapi.json", "getDescription", own_answer{answer_description});
}

} // namespace coppice::api

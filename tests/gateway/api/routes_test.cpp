// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/api/routes.hpp"

#include <caf/test/unit_test.hpp>

#include <set>

using namespace coppice;

namespace {

http::request make(std::string method, std::string target,
                   std::string body = {}, http::header_list headers = {}) {
  headers.emplace_back("host", "localhost:7480");
  if (!body.empty())
    headers.emplace_back("content-type", "application/json");
  return {std::move(method), std::move(target), std::move(headers),
          std::move(body), true};
}

/// There are no tokens.
auto route(http::request x) {
  static const api::token_book none;
  return api::route_request(std::move(x), &none, 0);
}

http::response refusal(http::request x) {
  auto routed = route(std::move(x));
  auto* refused = std::get_if<http::response>(&routed);
  CAF_REQUIRE(refused);
  return *refused;
}

unsigned status(http::request x) {
  auto routed = route(std::move(x));
  auto* refused = std::get_if<http::response>(&routed);
  return refused ? refused->status : 0;
}

/// What the cluster is asked.
result<proto::Request> ask(http::request x) {
  auto routed = route(std::move(x));
  auto* call = std::get_if<api::routed_call>(&routed);
  CAF_REQUIRE(call);
  return std::get<api::question>(call->what->serve).ask(call->x);
}

/// What is made of the answer of the cluster.
http::response answer(http::request x, const proto::Reply& reply) {
  auto routed = route(std::move(x));
  auto* call = std::get_if<api::routed_call>(&routed);
  CAF_REQUIRE(call);
  return std::get<api::question>(call->what->serve).answer(call->x, reply);
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

} // namespace

CAF_TEST(routes have names of their own) {
  std::set<std::string_view> names;
  std::set<std::pair<std::string_view, std::string_view>> paths;
  for (auto& x : api::routes()) {
    CAF_CHECK(names.insert(x.operation).second);
    CAF_CHECK(paths.emplace(x.method, x.path).second);
  }
}

CAF_TEST(what is not there is said) {
  auto x = refusal(make("GET", "/v1/nothing"));
  CAF_CHECK_EQUAL(x.status, 404u);
  CAF_CHECK(contains(x.body, "\"code\":\"not_found\""));
  x = refusal(make("PUT", "/v1/tasks"));
  CAF_CHECK_EQUAL(x.status, 405u);
  CAF_CHECK_EQUAL(http::find_header(x.headers, "Allow"), "POST, GET, HEAD");
  CAF_CHECK_EQUAL(status(make("GET", "/v1/%zz")), 400u);
}

CAF_TEST(parameters are those of the route) {
  auto x = refusal(make("GET", "/v1/tasks?colour=red"));
  CAF_CHECK_EQUAL(x.status, 400u);
  CAF_CHECK(contains(x.body, "product, state, after, limit, stale"));
  CAF_CHECK_EQUAL(status(make("GET", "/v1/tasks?limit=1&limit=2")), 400u);
  CAF_CHECK_EQUAL(status(make("GET", "/v1/tasks?state=a&state=b")), 0u);
}

CAF_TEST(a body is JSON where one is wanted) {
  CAF_CHECK_EQUAL(status(make("POST", "/v1/tasks")), 400u);
  CAF_CHECK_EQUAL(status(make("POST", "/v1/tasks/1.1.1/cancel", "{}")), 400u);
  auto form = make("POST", "/v1/tasks");
  form.body = "{}";
  CAF_CHECK_EQUAL(status(form), 415u);
  form.headers.emplace_back("content-type", "text/plain");
  CAF_CHECK_EQUAL(status(form), 415u);
  form.headers.back().second = "application/json; charset=utf-8";
  CAF_CHECK_EQUAL(status(form), 0u);
}

CAF_TEST(a page of another site can do nothing) {
  auto say = [](std::string name, std::string value, std::string method) {
    http::request x{std::move(method), "/v1/tasks/1.1.1/cancel", {}, {}, true};
    if (name != "host")
      x.headers.emplace_back("host", "localhost:7480");
    x.headers.emplace_back(name, value);
    return status(x);
  };
  for (auto host : {"evil.example", "127.example.com", "10.0.0.1", "[::2]",
                    "localhost.evil.example:7480"})
    CAF_CHECK_EQUAL(say("host", host, "POST"), 421u);
  for (auto host : {"localhost", "127.0.0.1:80", "[::1]:7480"})
    CAF_CHECK_EQUAL(say("host", host, "POST"), 0u);
  for (auto origin : {"http://evil.example", "null", "https://localhost:7480",
                      "http://localhost:81"})
    CAF_CHECK_EQUAL(say("origin", origin, "POST"), 403u);
  CAF_CHECK_EQUAL(say("origin", "http://localhost:7480", "POST"), 0u);
  CAF_CHECK_EQUAL(say("sec-fetch-site", "cross-site", "POST"), 403u);
  CAF_CHECK_EQUAL(say("sec-fetch-site", "same-origin", "POST"), 0u);
}

CAF_TEST(a task is submitted with a key) {
  auto x = ask(make("POST", "/v1/tasks", R"({"kind":"noop"})"));
  CAF_REQUIRE(x);
  proto::TaskSpec spec;
  CAF_REQUIRE(spec.ParseFromString(x.value().submit().specs(0)));
  CAF_CHECK_EQUAL(spec.kind(), "noop");
  CAF_CHECK(!spec.idempotency_key().empty());
  http::header_list key{{"idempotency-key", "k1"}};
  x = ask(make("POST", "/v1/tasks", R"({"kind":"noop"})", key));
  CAF_REQUIRE(x);
  CAF_REQUIRE(spec.ParseFromString(x.value().submit().specs(0)));
  CAF_CHECK_EQUAL(spec.idempotency_key(), "k1");
  for (auto body : {R"({"idempotencyKey":"k2"})", R"({"colour":1})", "[]", "x",
                    "{\"kind\":\"\xff\"}"})
    CAF_CHECK(!ask(make("POST", "/v1/tasks", body, key)));
}

CAF_TEST(the answer to a submit names the task) {
  proto::Reply reply;
  auto& item = *reply.mutable_submit()->add_items();
  item.set_id("1.1.7");
  auto request = make("POST", "/v1/tasks", "{}");
  auto x = answer(request, reply);
  CAF_CHECK_EQUAL(x.status, 201u);
  CAF_CHECK_EQUAL(http::find_header(x.headers, "Location"), "/v1/tasks/1.1.7");
  CAF_CHECK_EQUAL(x.body, "{\"id\":\"1.1.7\"}\n");
  item.set_duplicate(true);
  x = answer(request, reply);
  CAF_CHECK_EQUAL(x.status, 200u);
  item.mutable_error()->set_code(static_cast<uint32_t>(ec::conflict));
  x = answer(request, reply);
  CAF_CHECK_EQUAL(x.status, 409u);
  x = answer(request, {});
  CAF_CHECK_EQUAL(x.status, 500u);
}

CAF_TEST(several tasks are submitted in parts that are not too large) {
  auto submit = [](int n, size_t size) {
    std::string body;
    for (auto i = 0; i < n; ++i)
      body += (body.empty() ? "" : ",") + std::string{R"({"text":")"}
              + std::string(size, 'x') + "\"}";
    return ask(make("POST", "/v1/tasks/batch", "{\"tasks\":[" + body + "]}"));
  };
  auto x = submit(1'000, 1);
  CAF_REQUIRE(x);
  CAF_CHECK_EQUAL(x.value().submit().specs_size(), 1'000);
  CAF_CHECK(!submit(0, 0));
  CAF_CHECK(!submit(1'001, 1));
  CAF_CHECK(!submit(2, 600'000));
  CAF_CHECK(submit(1, 1'200'000));
}

CAF_TEST(a list has filters and pages) {
  auto x = ask(make("GET", "/v1/tasks?product=a%20b&state=running&state=TIMED_"
                           "OUT&after=1.1.5&limit=7&stale=true"));
  CAF_REQUIRE(x);
  auto& list = x.value().list();
  CAF_CHECK_EQUAL(list.product(), "a b");
  CAF_REQUIRE_EQUAL(list.states_size(), 2);
  CAF_CHECK_EQUAL(list.states(0), proto::RUNNING);
  CAF_CHECK_EQUAL(list.states(1), proto::TIMED_OUT);
  CAF_CHECK_EQUAL(list.after(), "1.1.5");
  CAF_CHECK_EQUAL(list.limit(), 7u);
  CAF_CHECK(x.value().stale());
  for (auto query : {"state=tired", "state=", "after=x", "limit=1001",
                     "limit=-1", "limit=1x", "limit=", "stale=1"})
    CAF_CHECK(!ask(make("GET", std::string{"/v1/tasks?"} + query)));
}

CAF_TEST(one task is asked for by its id) {
  auto x = ask(make("GET", "/v1/tasks/1.1.5"));
  CAF_REQUIRE(x);
  CAF_CHECK_EQUAL(x.value().get().ids(0), "1.1.5");
  CAF_CHECK(x.value().get().full());
  for (auto path : {"/cancel", "/retry"}) {
    x = ask(make("POST", std::string{"/v1/tasks/1.1.5"} + path));
    CAF_REQUIRE(x);
  }
  for (auto id : {"x", "1.1", "1.1.1.1", "-1.1.1", "%20"})
    CAF_CHECK(!ask(make("GET", std::string{"/v1/tasks/"} + id)));
  proto::Reply reply;
  reply.mutable_get()->add_items()->mutable_error()->set_code(
    static_cast<uint32_t>(ec::not_found));
  auto y = answer(make("GET", "/v1/tasks/1.1.5"), reply);
  CAF_CHECK_EQUAL(y.status, 404u);
}

CAF_TEST(a node is drained with or without a deadline) {
  auto x = ask(make("POST", "/v1/nodes/n1/drain"));
  CAF_REQUIRE(x);
  CAF_CHECK_EQUAL(x.value().drain().node(), "n1");
  CAF_CHECK_EQUAL(x.value().drain().deadline_ms(), 0);
  x = ask(make("POST", "/v1/nodes/n1/drain", R"({"deadline":"1.5s"})"));
  CAF_REQUIRE(x);
  CAF_CHECK_EQUAL(x.value().drain().deadline_ms(), 1'500);
  CAF_CHECK(!ask(make("POST", "/v1/nodes/n1/drain", R"({"deadline":5})")));
}

CAF_TEST(one node or product is found or not ) {
  proto::Reply reply;
  reply.mutable_nodes()->add_nodes()->set_name("n1");
  auto there = answer(make("GET", "/v1/nodes/n1"), reply);
  CAF_CHECK_EQUAL(there.status, 200u);
  auto gone = answer(make("GET", "/v1/nodes/n2"), reply);
  CAF_CHECK_EQUAL(gone.status, 404u);
  gone = answer(make("GET", "/v1/products/p"), {});
  CAF_CHECK_EQUAL(gone.status, 404u);
}

CAF_TEST(a service is shown without its environment) {
  proto::Reply reply;
  auto& row = *reply.mutable_services()->add_services();
  row.mutable_spec()->set_name("web");
  (*row.mutable_spec()->mutable_environment())["PASSWORD"] = "secret";
  for (auto path : {"/v1/services", "/v1/services/web"}) {
    auto x = answer(make("GET", path), reply);
    CAF_CHECK_EQUAL(x.status, 200u);
    CAF_CHECK(x.body.find("web") != std::string::npos);
    CAF_CHECK(x.body.find("secret") == std::string::npos);
  }
  auto gone = answer(make("GET", "/v1/services/other"), reply);
  CAF_CHECK_EQUAL(gone.status, 404u);
}

CAF_TEST(ready is who knows a leader of every group) {
  auto request = make("GET", "/readyz");
  proto::Reply reply;
  auto x = answer(request, reply);
  CAF_CHECK_EQUAL(x.status, 503u);
  auto& shard = *reply.mutable_shards()->add_shards();
  shard.set_group("shard-0");
  x = answer(request, reply);
  CAF_CHECK_EQUAL(x.status, 503u);
  CAF_CHECK(contains(x.body, "shard-0"));
  shard.set_leader("n1");
  x = answer(request, reply);
  CAF_CHECK_EQUAL(x.status, 200u);
}

CAF_TEST(tasks are leased by a client with a name) {
  auto body = R"({"client":"c1","kinds":["words"],"limit":3,"wait":"20s"})";
  auto x = ask(make("POST", "/v1/leases", body));
  CAF_REQUIRE(x);
  auto& wanted = x.value().lease_tasks();
  CAF_CHECK_EQUAL(wanted.client(), "c1");
  CAF_CHECK_EQUAL(wanted.limit(), 3u);
  CAF_CHECK_EQUAL(wanted.wait().seconds(), 20);
  CAF_CHECK_EQUAL(wanted.request_id(), "");
  http::header_list key{{"idempotency-key", "k1"}};
  x = ask(make("POST", "/v1/leases", body, key));
  CAF_REQUIRE(x);
  CAF_CHECK_EQUAL(x.value().lease_tasks().request_id(), "k1");
  for (auto bad : {R"({"client":"c1","kinds":["w"],"requestId":"k2"})",
                   R"({"client":"c1"})", R"({"kinds":["w"]})",
                   R"({"client":"a b","kinds":["w"]})",
                   R"({"client":"c1","kinds":["w"],"wait":"21s"})", "x"})
    CAF_CHECK(!ask(make("POST", "/v1/leases", bad, key)));
  proto::Reply reply;
  reply.mutable_lease_tasks();
  auto nothing = answer(make("POST", "/v1/leases", body), reply);
  CAF_CHECK_EQUAL(nothing.status, 200u);
  CAF_CHECK_EQUAL(nothing.body, "{}\n");
}

CAF_TEST(news of a lease name it in the path) {
  auto x = ask(make("POST", "/v1/leases/1.1.7.2/progress"));
  CAF_REQUIRE(x);
  CAF_CHECK_EQUAL(x.value().client_lease().lease(), "1.1.7.2");
  CAF_CHECK(x.value().client_lease().has_progress());
  x = ask(make("POST", "/v1/leases/1.1.7.2/checkpoint", R"({"data":"YWI="})"));
  CAF_REQUIRE(x);
  CAF_CHECK_EQUAL(x.value().client_lease().checkpoint().data(), "ab");
  x = ask(make("POST", "/v1/leases/1.1.7.2/finish",
               R"({"outcome":"SUCCEEDED","result":"42"})"));
  CAF_REQUIRE(x);
  CAF_CHECK_EQUAL(x.value().client_lease().finish().result(), "42");
  CAF_CHECK_EQUAL(status(make("POST", "/v1/leases/1.1.7.2/finish")), 400u);
  CAF_CHECK(!ask(make("POST", "/v1/leases/1.1.7.2/finish", "{}")));
  CAF_CHECK(!ask(make("POST", "/v1/leases/1.1.7/progress")));
  proto::Reply reply;
  reply.mutable_client_lease()->set_stop(proto::CANCEL_REQUESTED);
  auto stop = answer(make("POST", "/v1/leases/1.1.7.2/progress"), reply);
  CAF_CHECK_EQUAL(stop.body, "{\"stop\":\"CANCEL_REQUESTED\"}\n");
}

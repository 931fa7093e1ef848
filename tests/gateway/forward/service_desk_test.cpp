// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/forward/service_desk.hpp"

#include "gateway/http/server.hpp"
#include "tests/gateway/forward/forwarder_fixture.hpp"

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

/// A node with services, and a gateway in front of it.
struct fixture : forwarder_fixture {
  fixture() {
    desk = std::make_shared<forward::service_desk>(services);
    http::server_options options;
    options.beside = desk;
    auto x = http::server::start(
      std::move(options), [to = desk](auto request, auto reply) {
        to->serve(std::move(request), std::move(reply));
      });
    CAF_REQUIRE(x);
    node = std::move(x.value());
  }

  std::string address() const {
    return "127.0.0.1:" + std::to_string(node->port());
  }

  /// Puts a process behind the desk and a gateway before it.
  void serve(const scripted_server& process, uint64_t epoch = 1) {
    local_service x;
    x.epoch = epoch;
    x.port = process.port();
    services->put(who, x);
    start(address());
  }

  void serve_native(service_handler f) {
    local_service x;
    x.epoch = 1;
    x.handle = std::move(f);
    services->put(who, x);
    spec.set_form(proto::NATIVE_SERVICE);
    start(address());
  }

  http_answer ask_desk(const std::string& headers) {
    return http_socket{node->port()}.ask("GET", "/x", {}, headers);
  }

  service_instance who{"svc", 0};
  std::shared_ptr<local_services> services = std::make_shared<local_services>();
  std::shared_ptr<forward::service_desk> desk;
  std::unique_ptr<http::server> node;
};

raw_answer echo(const raw_request& x) {
  auto line = x.head.substr(0, x.head.find(" HTTP/1.1"));
  return {plain(line + ' ' + x.body, 200, "X-Mine: 1\r\n"), false};
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(service_desk_tests, fixture)

CAF_TEST(an exclusive service is not asked after its lease) {
  std::atomic<int64_t> now = 100;
  auto lease = std::make_shared<lease_end>(
    [&] { return std::chrono::nanoseconds{now}; });
  lease->set(std::chrono::nanoseconds{200});
  scripted_server process{echo};
  local_service x;
  x.epoch = 5;
  x.port = process.port();
  x.lease = lease;
  services->put(who, x);
  auto ask = [&] {
    return ask_desk("Coppice-Service: svc\r\nCoppice-Instance: 0\r\n"
                    "Coppice-Epoch: 5\r\n");
  };
  CAF_CHECK_EQUAL(ask().status, 200);
  now = 200;
  auto refused = ask();
  CAF_CHECK_EQUAL(refused.status, 503);
  CAF_CHECK_EQUAL(refused.headers["coppice-refused"], "not-ready");
  CAF_CHECK_EQUAL(process.requests(), 1u);
}

CAF_TEST(a client is told that an answer is stale) {
  serve_native([](const proto::ServiceCall&, const service_answer_handler& f) {
    service_result y;
    y.answer.emplace();
    y.answer->set_status(200);
    auto& mark = *y.answer->add_headers();
    mark.set_name("warning");
    mark.set_value("110 coppice \"Response is Stale\"");
    f(std::move(y));
  });
  auto x = client().ask("GET", "/s/svc/");
  CAF_CHECK_EQUAL(x.headers["warning"], "110 coppice \"Response is Stale\"");
}

CAF_TEST(requests reach a process and answers come back) {
  std::string head;
  scripted_server process{[&](const raw_request& x) {
    head = x.head;
    return echo(x);
  }};
  serve(process);
  auto c = client();
  auto x = c.ask("POST", "/s/svc/a?b", "body", "Idempotency-Key: k\r\n");
  CAF_CHECK_EQUAL(x.status, 200);
  CAF_CHECK_EQUAL(x.body, "POST /a?b body");
  CAF_CHECK_EQUAL(x.headers["x-mine"], "1");
  CAF_CHECK(head.find("coppice-") == std::string::npos);
  CAF_CHECK(head.find("host: localhost\r\n") != std::string::npos);
  CAF_CHECK(head.find("idempotency-key: k\r\n") != std::string::npos);
  CAF_CHECK(head.find("x-forwarded-for: 127.0.0.1\r\n") != std::string::npos);
  CAF_CHECK(head.find("via: 1.1 coppice\r\n") != std::string::npos);
}

CAF_TEST(large answers go through in parts) {
  std::string big(3'000'000, 'x');
  scripted_server process{[&](const raw_request&) {
    return raw_answer{plain(big), false};
  }};
  serve(process);
  CAF_CHECK(client().ask("GET", "/s/svc/").body == big);
}

CAF_TEST(what is not here in this epoch is refused) {
  scripted_server process{echo};
  serve(process, 5);
  auto ask = [&](const char* epoch, const char* instance) {
    return ask_desk(std::string{"Coppice-Service: svc\r\nCoppice-Instance: "}
                    + instance + "\r\nCoppice-Epoch: " + epoch + "\r\n");
  };
  CAF_CHECK_EQUAL(ask("5", "0").status, 200);
  for (auto x : {ask("4", "0"), ask("6", "0"), ask("5", "1")}) {
    CAF_CHECK_EQUAL(x.status, 421);
    CAF_CHECK_EQUAL(x.headers["coppice-refused"], "not-here");
  }
  CAF_CHECK_EQUAL(ask("x", "0").status, 400);
  CAF_CHECK_EQUAL(ask_desk({}).status, 400);
}

CAF_TEST(a request waits until its service is where the gateway thinks) {
  scripted_server process{echo};
  start(address());
  auto x = later("POST", "/s/svc/", "x");
  await([&] { return counts().failures > 0; });
  local_service what;
  what.epoch = 1;
  what.port = process.port();
  services->put(who, what);
  CAF_CHECK_EQUAL(x.get().status, 200);
  CAF_CHECK_EQUAL(process.requests(), 1u);
}

CAF_TEST(a process that does not listen yet gets the request later) {
  uint16_t port = 0;
  { port = scripted_server{echo}.port(); }
  local_service what;
  what.epoch = 1;
  what.port = port;
  services->put(who, what);
  start(address());
  auto x = later("POST", "/s/svc/", "x");
  await([&] { return counts().failures > 0; });
  scripted_server process{echo};
  what.port = process.port();
  services->put(who, what);
  CAF_CHECK_EQUAL(x.get().status, 200);
}

CAF_TEST(a request that a process may have seen is not sent again) {
  scripted_server process{[](const raw_request&) {
    return raw_answer{{}, true};
  }};
  serve(process);
  CAF_CHECK_EQUAL(client().ask("POST", "/s/svc/", "x").status, 502);
  CAF_CHECK_EQUAL(process.requests(), 1u);
}

CAF_TEST(a process may close connections that nobody uses) {
  scripted_server process{[](const raw_request&) {
    return raw_answer{plain("x"), true};
  }};
  serve(process);
  auto c = client();
  for (auto i = 0; i < 20; ++i) {
    CAF_CHECK_EQUAL(c.ask("GET", "/s/svc/").status, 200);
    CAF_CHECK_EQUAL(c.ask("POST", "/s/svc/", "x").status, 200);
  }
}

CAF_TEST(native services are asked with the id of the request) {
  proto::ServiceCall seen;
  serve_native([&](proto::ServiceCall x, const service_answer_handler& f) {
    seen = x;
    service_result y;
    y.answer.emplace();
    y.answer->set_status(201);
    y.answer->set_body("made");
    auto add = [&](const char* name, const char* value) {
      auto& header = *y.answer->add_headers();
      header.set_name(name);
      header.set_value(value);
    };
    add("x-mine", "1\r\nevil: 1");
    add("evil: 1\r\nx", "1");
    add("content-length", "77");
    add("coppice-refused", "unknown");
    f(std::move(y));
  });
  auto x = client().ask("POST", "/s/svc/a?b", "body",
                        "X-Own: 2\r\nIdempotency-Key: k\r\n");
  CAF_CHECK_EQUAL(x.status, 201);
  CAF_CHECK_EQUAL(x.body, "made");
  CAF_CHECK_EQUAL(x.headers["x-mine"], "1  evil: 1");
  CAF_CHECK(!x.headers.contains("evil"));
  CAF_CHECK_EQUAL(seen.method(), "POST");
  CAF_CHECK_EQUAL(seen.target(), "/a?b");
  CAF_CHECK_EQUAL(seen.body(), "body");
  CAF_CHECK_EQUAL(seen.id(), "k");
  auto has_own = false;
  for (auto& header : seen.headers())
    has_own = has_own || (header.name() == "x-own" && header.value() == "2");
  CAF_CHECK(has_own);
}

CAF_TEST(a native service that does not answer is asked again) {
  std::atomic<int> times = 0;
  serve_native([&](const proto::ServiceCall&, const service_answer_handler& f) {
    service_result y;
    switch (++times) {
      case 1:
        y.refused = service_refusal::unknown;
        f(y);
        break;
      case 2:
        y.refused = service_refusal::not_ready;
        f(y);
        break;
      case 3: // It forgets about it.
        break;
      default:
        y.answer.emplace();
        y.answer->set_status(200);
        f(y);
        break;
    }
  });
  CAF_CHECK_EQUAL(client().ask("POST", "/s/svc/", "x").status, 200);
  CAF_CHECK_EQUAL(times.load(), 4);
}

CAF_TEST(a process is healthy while its path says so) {
  std::atomic<bool> fine = false;
  scripted_server process{[&](const raw_request&) {
    return raw_answer{plain("x", fine ? 204 : 500), true};
  }};
  local_service what;
  what.epoch = 3;
  what.port = process.port();
  what.health_path = "/health";
  what.health_interval_ms = 10;
  services->put(who, what);
  await([&] { return process.requests() > 2; });
  CAF_CHECK(!services->is_healthy(who, 3));
  fine = true;
  await([&] { return services->is_healthy(who, 3); });
  fine = false;
  await([&] { return !services->is_healthy(who, 3); });
}

CAF_TEST(a process without a path is healthy while it can be connected) {
  auto process = std::make_unique<scripted_server>(echo);
  local_service what;
  what.epoch = 3;
  what.port = process->port();
  what.health_interval_ms = 10;
  services->put(who, what);
  await([&] { return services->is_healthy(who, 3); });
  CAF_CHECK_EQUAL(process->requests(), 0u);
  process.reset();
  await([&] { return !services->is_healthy(who, 3); });
}

CAF_TEST_FIXTURE_SCOPE_END()

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/gateway/forward/forwarder_fixture.hpp"

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

/// Answers with what it was asked.
raw_answer echo(const raw_request& x) {
  auto line = x.head.substr(0, x.head.find(" HTTP/1.1"));
  return {plain(line + ' ' + x.body), false};
}

/// Is told what to say to the next request.
struct gate {
  raw_answer operator()(const raw_request&) {
    std::unique_lock guard{mutex};
    changed.wait(guard, [this] { return open; });
    return {plain("late"), false};
  }

  void release() {
    std::lock_guard guard{mutex};
    open = true;
    changed.notify_all();
  }

  std::mutex mutex;
  std::condition_variable changed;
  bool open = false;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(forwarder_tests, forwarder_fixture)

CAF_TEST(requests go to the service over one connection) {
  scripted_server up{echo};
  start(up.address());
  auto c = client();
  for (auto i = 0; i < 20; ++i) {
    auto x = c.ask("POST", "/s/svc/x?y=1", "body");
    CAF_CHECK_EQUAL(x.status, 200);
    CAF_CHECK_EQUAL(x.body, "POST /x?y=1 body");
  }
  CAF_CHECK_EQUAL(up.connections(), 1u);
}

CAF_TEST(routes that come before the server count) {
  scripted_server up{echo};
  forward = std::make_shared<forward::forwarder>(how);
  place({up.address()});
  serve();
  CAF_CHECK_EQUAL(client().ask("GET", "/s/svc/x").status, 200);
}

CAF_TEST(a service that is not there is not found) {
  start();
  place({});
  CAF_CHECK_EQUAL(client().ask("GET", "/s/other/").status, 404);
  CAF_CHECK_EQUAL(client().ask("GET", "/s//").status, 400);
}

CAF_TEST(a service is told the id of a request) {
  std::mutex mutex;
  std::vector<std::string> ids;
  scripted_server up{[&](const raw_request& x) {
    std::lock_guard guard{mutex};
    ids.push_back(x.header("idempotency-key"));
    return raw_answer{plain("x"), false};
  }};
  start(up.address());
  auto c = client();
  c.ask("GET", "/s/svc/");
  c.ask("GET", "/s/svc/");
  c.ask("GET", "/s/svc/", {}, "Idempotency-Key: mine\r\n");
  CAF_REQUIRE_EQUAL(ids.size(), 3u);
  CAF_CHECK_EQUAL(ids[0].size(), 32u);
  CAF_CHECK_NOT_EQUAL(ids[0], ids[1]);
  CAF_CHECK_EQUAL(ids[2], "mine");
}

CAF_TEST(internal headers stay inside) {
  scripted_server up{[](const raw_request&) {
    return raw_answer{plain("x", 200,
                            "Coppice-Secret: 1\r\nConnection: X-One\r\n"
                            "X-One: 1\r\nX-Two: 2\r\nDate: D\r\n"),
                      false};
  }};
  start(up.address());
  auto x = client().ask("GET", "/s/svc/");
  CAF_CHECK_EQUAL(x.status, 200);
  CAF_CHECK(!x.headers.contains("coppice-secret"));
  CAF_CHECK(!x.headers.contains("x-one"));
  CAF_CHECK_EQUAL(x.headers["x-two"], "2");
  CAF_CHECK_EQUAL(x.headers["date"], "D");
}

CAF_TEST(answers in chunks go on in parts) {
  std::string big(300'000, 'b');
  scripted_server up{[&](const raw_request&) {
    return raw_answer{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "3\r\nabc\r\n493e0\r\n"
                        + big + "\r\n0\r\n\r\n",
                      false};
  }};
  start(up.address());
  auto c = client();
  for (auto i = 0; i < 3; ++i) {
    auto x = c.ask("GET", "/s/svc/");
    CAF_CHECK_EQUAL(x.status, 200);
    CAF_CHECK(x.body == "abc" + big);
  }
  CAF_CHECK_EQUAL(up.connections(), 1u);
}

CAF_TEST(large answers keep their length) {
  std::string big(5'000'000, 'b');
  scripted_server up{[&](const raw_request&) {
    return raw_answer{plain(big), false};
  }};
  start(up.address());
  auto c = client();
  for (auto i = 0; i < 2; ++i) {
    auto x = c.ask("GET", "/s/svc/");
    CAF_CHECK_EQUAL(x.headers["content-length"], "5000000");
    CAF_CHECK(x.body == big);
  }
}

CAF_TEST(an answer may end with its connection) {
  scripted_server up{[](const raw_request&) {
    return raw_answer{"HTTP/1.1 200 OK\r\n\r\nuntil the end", true};
  }};
  start(up.address());
  auto c = client();
  CAF_CHECK_EQUAL(c.ask("GET", "/s/svc/").body, "until the end");
  CAF_CHECK_EQUAL(c.ask("GET", "/s/svc/").body, "until the end");
  CAF_CHECK_EQUAL(up.connections(), 2u);
}

CAF_TEST(answers without a body have none) {
  scripted_server up{[](const raw_request& x) {
    if (x.head.starts_with("HEAD"))
      return raw_answer{"HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n", false};
    if (x.head.starts_with("GET /304"))
      return raw_answer{"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n", false};
    return raw_answer{"HTTP/1.1 204 No Content\r\n\r\n", false};
  }};
  start(up.address());
  auto c = client();
  auto x = c.ask("HEAD", "/s/svc/");
  CAF_CHECK_EQUAL(x.status, 200);
  CAF_CHECK_EQUAL(x.headers["content-length"], "77");
  c.send("GET /s/svc/304 HTTP/1.1\r\nHost: localhost\r\n\r\n");
  x = c.read(true);
  CAF_CHECK_EQUAL(x.status, 304);
  CAF_CHECK(!x.headers.contains("content-length"));
  CAF_CHECK(!x.headers.contains("transfer-encoding"));
  CAF_CHECK_EQUAL(c.ask("GET", "/s/svc/204").status, 204);
  CAF_CHECK_EQUAL(c.ask("GET", "/s/svc/204").status, 204);
  CAF_CHECK_EQUAL(up.connections(), 1u);
}

CAF_TEST(what a service says in between is skipped) {
  scripted_server up{[](const raw_request&) {
    return raw_answer{"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                      "HTTP/1.1 100 Continue\r\n\r\n"
                        + plain("final"),
                      false};
  }};
  start(up.address());
  auto x = client().ask("GET", "/s/svc/");
  CAF_CHECK_EQUAL(x.status, 200);
  CAF_CHECK_EQUAL(x.body, "final");
}

CAF_TEST(an answer that is none is a bad gateway) {
  for (auto bytes :
       {"nonsense\r\n\r\n", "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 101 Switching\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"}) {
    scripted_server up{[&](const raw_request&) {
      return raw_answer{bytes, false};
    }};
    start(up.address());
    auto x = client().ask("GET", "/s/svc/");
    CAF_CHECK_EQUAL(x.status, 502);
    CAF_CHECK(x.body.find("may have had an effect") != std::string::npos);
    server.reset();
  }
}

CAF_TEST(upgrades and tunnels are refused) {
  scripted_server up{echo};
  start(up.address());
  auto x = client().ask("GET", "/s/svc/", {},
                        "Connection: Upgrade\r\nUpgrade: websocket\r\n");
  CAF_CHECK_EQUAL(x.status, 501);
  CAF_CHECK_EQUAL(up.requests(), 0u);
}

CAF_TEST(a connection that was closed meanwhile is replaced) {
  // It closes after each answer without saying so.
  scripted_server up{[](const raw_request&) {
    return raw_answer{plain("x"), true};
  }};
  start(up.address());
  auto c = client();
  for (auto i = 0; i < 20; ++i)
    CAF_CHECK_EQUAL(c.ask("GET", "/s/svc/").status, 200);
}

CAF_TEST(a request that may have had an effect is not sent again) {
  std::atomic<int> times = 0;
  scripted_server up{[&](const raw_request&) {
    ++times;
    return raw_answer{{}, true};
  }};
  start(up.address());
  auto x = client().ask("POST", "/s/svc/", "x");
  CAF_CHECK_EQUAL(x.status, 502);
  CAF_CHECK(x.body.find("may have had an effect") != std::string::npos);
  CAF_CHECK_EQUAL(times.load(), 1);
}

CAF_TEST(a safe request is sent again but not for ever) {
  std::atomic<int> times = 0;
  scripted_server up{[&](const raw_request& x) {
    ++times;
    auto works = x.head.starts_with("GET /works") && times >= 3;
    return works ? raw_answer{plain("x"), false} : raw_answer{{}, true};
  }};
  start(up.address());
  CAF_CHECK_EQUAL(client().ask("GET", "/s/svc/fails").status, 502);
  CAF_CHECK_EQUAL(times.load(), 3);
  times = 0;
  CAF_CHECK_EQUAL(client().ask("GET", "/s/svc/works").status, 200);
}

CAF_TEST(native services get a request until they answer it) {
  std::atomic<int> times = 0;
  std::mutex mutex;
  std::vector<std::string> ids;
  scripted_server up{[&](const raw_request& x) {
    std::lock_guard guard{mutex};
    ids.push_back(x.header("idempotency-key"));
    switch (++times) {
      case 1:
        return raw_answer{{}, true};
      case 2:
        return raw_answer{plain({}, 503, "Coppice-Refused: unknown\r\n"),
                          false};
      case 3:
        return raw_answer{plain({}, 421, "Coppice-Refused: not-here\r\n"),
                          false};
      default:
        return raw_answer{plain("done"), false};
    }
  }};
  spec.set_form(proto::NATIVE_SERVICE);
  start(up.address());
  auto x = client().ask("POST", "/s/svc/", "x");
  CAF_CHECK_EQUAL(x.body, "done");
  CAF_REQUIRE_EQUAL(ids.size(), 4u);
  for (auto& id : ids)
    CAF_CHECK_EQUAL(id, ids[0]);
  CAF_CHECK(counts().redelivered == 3u);
}

CAF_TEST(requests wait for a place and keep their order) {
  std::mutex mutex;
  std::vector<std::string> seen;
  scripted_server up{[&](const raw_request& x) {
    std::lock_guard guard{mutex};
    seen.push_back(x.body);
    return raw_answer{plain("x"), false};
  }};
  start();
  place({""}, 1, proto::SERVICE_STARTING);
  std::vector<std::future<http_answer>> all;
  for (auto i = 0; i < 5; ++i) {
    all.push_back(later("POST", "/s/svc/", std::to_string(i)));
    await([&] { return counts().held_now == static_cast<size_t>(i) + 1; });
  }
  place({up.address()}, 2);
  for (auto& x : all)
    CAF_CHECK_EQUAL(x.get().status, 200);
  CAF_CHECK_EQUAL(seen.size(), 5u);
  CAF_CHECK(counts().held_now == 0u);
  CAF_CHECK(counts().held == 5u);
}

CAF_TEST(requests that come before the services are known wait) {
  scripted_server up{echo};
  start();
  auto x = later("GET", "/s/svc/");
  auto y = later("GET", "/s/other/");
  await([&] { return counts().held_now == 2; });
  place({up.address()});
  CAF_CHECK_EQUAL(x.get().status, 200);
  CAF_CHECK_EQUAL(y.get().status, 404);
}

CAF_TEST(no more requests wait than are allowed) {
  spec.set_hold_requests(2);
  start();
  place({});
  auto x = later("GET", "/s/svc/");
  auto y = later("GET", "/s/svc/");
  await([&] { return counts().held_now == 2; });
  auto z = client().ask("GET", "/s/svc/");
  CAF_CHECK_EQUAL(z.status, 503);
  CAF_CHECK_EQUAL(z.headers["retry-after"], "1");
  scripted_server up{echo};
  place({up.address()});
  CAF_CHECK_EQUAL(x.get().status, 200);
  CAF_CHECK_EQUAL(y.get().status, 200);
}

CAF_TEST(nobody waits longer than the service says) {
  spec.set_hold_ms(50);
  start();
  place({});
  auto x = client().ask("POST", "/s/svc/", "x");
  CAF_CHECK_EQUAL(x.status, 503);
  CAF_CHECK(x.body.find("was not handled") != std::string::npos);
  // A port where nobody listens.
  uint16_t port = 0;
  { port = scripted_server{echo}.port(); }
  place({"127.0.0.1:" + std::to_string(port)});
  CAF_CHECK_EQUAL(client().ask("POST", "/s/svc/", "x").status, 503);
}

CAF_TEST(who hangs up waits no more) {
  start();
  place({});
  {
    auto c = client();
    c.send("GET /s/svc/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await([&] { return counts().held_now == 1; });
  }
  await([&] { return counts().held_now == 0; });
  CAF_CHECK(counts().answered[0] == 1u);
}

CAF_TEST(a service that does not answer in time is told of) {
  gate late;
  scripted_server up{[&](auto& x) { return late(x); }};
  spec.set_request_timeout_ms(60);
  start(up.address());
  auto x = client().ask("GET", "/s/svc/");
  CAF_CHECK_EQUAL(x.status, 504);
  CAF_CHECK(x.body.find("may have had an effect") != std::string::npos);
  late.release();
}

CAF_TEST(places share the requests and one that is gone is left out) {
  scripted_server one{echo};
  auto two = std::make_unique<scripted_server>(echo);
  start();
  place({one.address(), two->address()});
  auto c = client();
  for (auto i = 0; i < 10; ++i)
    CAF_CHECK_EQUAL(c.ask("GET", "/s/svc/").status, 200);
  CAF_CHECK_EQUAL(one.requests(), 5u);
  CAF_CHECK_EQUAL(two->requests(), 5u);
  two.reset();
  for (auto i = 0; i < 10; ++i)
    CAF_CHECK_EQUAL(c.ask("GET", "/s/svc/").status, 200);
  CAF_CHECK_EQUAL(one.requests(), 15u);
}

CAF_TEST(what breaks off in the midst is cut off) {
  scripted_server up{[](const raw_request&) {
    return raw_answer{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "3\r\nabc\r\n",
                      true};
  }};
  start(up.address());
  auto c = client();
  c.send("GET /s/svc/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CAF_CHECK_EQUAL(c.read_head().status, 200);
  auto first = c.read_chunk();
  CAF_CHECK(first && *first == "abc");
  CAF_CHECK(c.is_closed());
}

CAF_TEST(a small answer that breaks off is none) {
  scripted_server up{[](const raw_request&) {
    return raw_answer{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", true};
  }};
  start(up.address());
  CAF_CHECK_EQUAL(client().ask("POST", "/s/svc/", "x").status, 502);
}

CAF_TEST(headers behind a body are dropped) {
  std::mutex mutex;
  std::string head;
  scripted_server up{[&](const raw_request& x) {
    std::lock_guard guard{mutex};
    head = x.head;
    return raw_answer{plain("x"), false};
  }};
  start(up.address());
  auto c = client();
  c.send("POST /s/svc/ HTTP/1.1\r\nHost: localhost\r\n"
         "Transfer-Encoding: chunked\r\n\r\n"
         "4\r\nbody\r\n0\r\nX-Late: 1\r\nHost: other\r\n\r\n");
  CAF_CHECK_EQUAL(c.read().status, 200);
  std::lock_guard guard{mutex};
  CAF_CHECK_EQUAL(head.find("x-late"), std::string::npos);
  CAF_CHECK_EQUAL(head.find("other"), std::string::npos);
}

CAF_TEST(a server that stops answers who waits) {
  start();
  place({});
  auto x = later("GET", "/s/svc/");
  await([&] { return counts().held_now == 1; });
  server->stop(5s);
  CAF_CHECK_EQUAL(x.get().status, 503);
}

CAF_TEST_FIXTURE_SCOPE_END()

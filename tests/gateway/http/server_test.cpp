// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/http/server.hpp"

#include "gateway/http/problem.hpp"
#include "runtime/launch/unique_fd.hpp"
#include "tests/support/http_socket.hpp"

#include <caf/test/unit_test.hpp>

#include <atomic>
#include <future>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

using namespace coppice;
using namespace std::chrono_literals;
using test::http_socket;

namespace {

/// Answers with what it was asked; keeps what is to be answered later.
struct fixture {
  fixture() {
    options.limits.header_bytes = 4'096;
    options.limits.body_bytes = 100'000;
  }

  ~fixture() {
    kept.clear();
  }

  void start() {
    auto x = http::server::start(options, [this](auto request, auto reply) {
      answer(std::move(request), std::move(reply));
    });
    CAF_REQUIRE(x);
    server = std::move(x.value());
  }

  void answer(http::request x, http::exchange_ptr reply) {
    if (x.target == "/keep") {
      std::lock_guard guard{mutex};
      kept.push_back(std::move(reply));
      ++kept_count;
    } else if (x.target == "/drop") {
      // Nobody answers.
    } else if (x.target == "/elsewhere") {
      // Another thread answers, and this one lets go of it last.
      std::thread{[&] {
        reply->respond({200, "text/plain", {}, "there"});
      }}.join();
    } else if (x.target == "/throw") {
      throw std::runtime_error("a handler that fails");
    } else if (x.target == "/stream") {
      reply->open({200, "text/plain", {}, {}});
      send_part(std::move(reply), 1);
    } else {
      reply->respond(
        {200, "text/plain", {}, x.method + ' ' + x.target + ' ' + x.body});
    }
  }

  /// Three parts, each when the one before is gone.
  static void send_part(http::exchange_ptr reply, int n) {
    auto* to = reply.get();
    if (n > 3)
      to->close();
    else
      to->send("part " + std::to_string(n) + "\n",
               [reply = std::move(reply), n](bool sent) {
                 if (sent)
                   send_part(reply, n + 1);
               });
  }

  void await_kept(size_t n) {
    while (kept_count < n)
      std::this_thread::yield();
  }

  http_socket client() {
    return http_socket{server->port()};
  }

  http::server_options options;
  std::mutex mutex;
  std::vector<http::exchange_ptr> kept;
  std::atomic<size_t> kept_count = 0;
  std::unique_ptr<http::server> server;
};

const std::string get = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";

} // namespace

CAF_TEST_FIXTURE_SCOPE(server_tests, fixture)

CAF_TEST(a connection serves one request after the other) {
  start();
  auto c = client();
  for (auto i = 0; i < 3; ++i) {
    auto x = c.ask("POST", "/x?y=1", "body" + std::to_string(i));
    CAF_CHECK_EQUAL(x.status, 200);
    CAF_CHECK_EQUAL(x.body, "POST /x?y=1 body" + std::to_string(i));
    CAF_CHECK_EQUAL(x.headers.count("connection"), 0u);
    CAF_CHECK_EQUAL(x.headers.count("date"), 1u);
  }
  CAF_CHECK_EQUAL(server->counts().accepted, 1u);
}

CAF_TEST(pipelined requests are answered in their order) {
  start();
  auto c = client();
  std::string all;
  for (auto i = 0; i < 200; ++i)
    all += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  CAF_REQUIRE(c.send(all));
  for (auto i = 0; i < 200; ++i) {
    auto x = c.read();
    CAF_REQUIRE_EQUAL(x.body, "GET /" + std::to_string(i) + ' ');
  }
}

CAF_TEST(a body may come in chunks and in single bytes) {
  start();
  auto c = client();
  std::string text = "POST /c HTTP/1.1\r\nHost: x\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n"
                     "4\r\nwiki\r\n5;x=y\r\npedia\r\n0\r\nTrailer: z\r\n\r\n";
  for (auto letter : text)
    CAF_REQUIRE(c.send({&letter, 1}));
  CAF_CHECK_EQUAL(c.read().body, "POST /c wikipedia");
  CAF_CHECK_EQUAL(c.ask("GET", "/again").body, "GET /again ");
}

CAF_TEST(a head is an answer without its body) {
  start();
  auto c = client();
  auto x = c.ask("HEAD", "/h");
  CAF_CHECK_EQUAL(x.headers["content-length"], "8");
  CAF_CHECK_EQUAL(c.ask("GET", "/h").body, "GET /h ");
}

CAF_TEST(whoever waits for permission to send gets it) {
  start();
  auto c = client();
  c.send("POST /e HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
         "Content-Length: 4\r\n\r\n");
  CAF_CHECK_EQUAL(c.read().status, 100);
  c.send("body");
  CAF_CHECK_EQUAL(c.read().body, "POST /e body");
}

CAF_TEST(an old client is answered and left unless it asks to stay) {
  start();
  auto c = client();
  c.send("GET /o HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CAF_CHECK(c.read().headers["connection"] == "keep-alive");
  c.send("GET /o HTTP/1.0\r\n\r\n");
  auto x = c.read();
  CAF_CHECK_EQUAL(x.body, "GET /o ");
  CAF_CHECK_EQUAL(x.headers["connection"], "close");
  CAF_CHECK(c.is_closed());
}

CAF_TEST(an answer in parts is chunked or ends with the connection) {
  start();
  auto c = client();
  auto x = c.ask("GET", "/stream");
  CAF_CHECK_EQUAL(x.headers["transfer-encoding"], "chunked");
  CAF_CHECK_EQUAL(x.body, "part 1\npart 2\npart 3\n");
  CAF_CHECK_EQUAL(c.ask("GET", "/next").body, "GET /next ");
  c.send("GET /stream HTTP/1.0\r\n\r\n");
  x = c.read();
  CAF_CHECK_EQUAL(x.headers.count("transfer-encoding"), 0u);
  CAF_CHECK_EQUAL(x.body, "part 1\npart 2\npart 3\n");
}

CAF_TEST(what is no request is refused with its reason) {
  start();
  struct {
    std::string text;
    int status;
  } cases[] = {
    {"what is this\r\n\r\n", 400},
    {"GET / HTTP/9.9\r\n\r\n", 400},
    {"GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
     "Content-Length: 2\r\n\r\n",
     400},
    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
     "Transfer-Encoding: chunked\r\n\r\n",
     400},
    {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
    {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
     501},
    {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
     400},
    {"POST / HTTP/1.1\r\nHost: x\r\nExpect: a-cake\r\n"
     "Content-Length: 1\r\n\r\n",
     417},
    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100001\r\n\r\n", 413},
    {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
     "20000\r\n"
       + std::string(0x20000, 'x') + "\r\n0\r\n\r\n",
     413},
    {"GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(5'000, 'a') + "\r\n\r\n",
     431},
    {"GET /" + std::string(5'000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n", 431},
  };
  for (auto& [text, status] : cases) {
    CAF_MESSAGE(text.substr(0, 60));
    auto c = client();
    c.send(text);
    auto x = c.read();
    CAF_CHECK_EQUAL(x.status, status);
    CAF_CHECK_EQUAL(x.headers["content-type"], "application/problem+json");
    CAF_CHECK_EQUAL(x.headers["connection"], "close");
    c.stop_sending();
    CAF_CHECK(c.is_closed());
  }
  CAF_CHECK_EQUAL(client().ask("GET", "/").status, 200);
}

CAF_TEST(garbage ends nothing) {
  start();
  std::minstd_rand rng{5};
  for (auto round = 0; round < 300; ++round) {
    auto c = client();
    std::string text = round % 3 == 0 ? "POST / HTTP/1.1\r\nHost: x\r\n" : "";
    for (auto n = rng() % 300; n > 0; --n)
      text += static_cast<char>(rng() % (round % 2 == 0 ? 256 : 64));
    c.send(text);
  }
  CAF_CHECK_EQUAL(client().ask("GET", "/").status, 200);
}

CAF_TEST(who drips its headers or its body is cut off) {
  options.limits.header = 200ms;
  options.limits.body = 200ms;
  start();
  for (auto* text : {"GET / HT", "POST / HTTP/1.1\r\nHost: x\r\n"
                                 "Content-Length: 9\r\n\r\nbody"}) {
    auto c = client();
    c.send(text);
    auto x = c.read();
    CAF_CHECK_EQUAL(x.status, 408);
    c.stop_sending();
    CAF_CHECK(c.is_closed());
  }
}

CAF_TEST(who only holds a connection is left after a while) {
  options.limits.idle = 100ms;
  start();
  auto c = client();
  CAF_CHECK_EQUAL(c.ask("GET", "/").status, 200);
  CAF_CHECK(c.is_closed());
}

CAF_TEST(who does not read is left after a while) {
  options.limits.write = 200ms;
  start();
  auto c = client();
  // More than the buffers of both sockets take.
  auto request = "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
                 + std::string(100'000, 'x');
  while (c.send(request))
    ;
  CAF_CHECK_EQUAL(client().ask("GET", "/").status, 200);
}

CAF_TEST(there are no more connections than the limit) {
  options.limits.connections = 2;
  start();
  auto a = client();
  auto b = client();
  CAF_CHECK_EQUAL(a.ask("GET", "/").status, 200);
  CAF_CHECK_EQUAL(b.ask("GET", "/").status, 200);
  auto c = client();
  auto x = c.read();
  CAF_CHECK_EQUAL(x.status, 503);
  CAF_CHECK_EQUAL(x.headers["retry-after"], "1");
  CAF_CHECK_EQUAL(server->counts().turned_away, 1u);
  CAF_CHECK_EQUAL(a.ask("GET", "/").status, 200);
}

CAF_TEST(all bodies together are limited) {
  options.limits.bodies_bytes = 150'000;
  start();
  std::string body(100'000, 'x');
  auto request = "POST /keep HTTP/1.1\r\nHost: x\r\nContent-Length: 100000"
                 "\r\n\r\n"
                 + body;
  auto a = client();
  a.send(request);
  await_kept(1);
  // That of the first one counts until it is answered.
  auto b = client();
  b.send(request);
  CAF_CHECK_EQUAL(b.read().status, 503);
  b.stop_sending();
  CAF_CHECK(b.is_closed());
  kept.at(0)->respond({200, {}, {}, {}});
  CAF_CHECK_EQUAL(a.read().status, 200);
  auto c = client();
  CAF_CHECK_EQUAL(c.ask("POST", "/x", body).status, 200);
}

CAF_TEST(a request that nobody answers is answered) {
  start();
  for (auto* target : {"/drop", "/throw"}) {
    auto c = client();
    auto x = c.ask("GET", target);
    CAF_CHECK_EQUAL(x.status, 500);
    CAF_CHECK_EQUAL(c.ask("GET", "/next").status, 200);
  }
}

CAF_TEST(a server that stops answers what has come and closes what waits) {
  start();
  auto idle = client();
  CAF_CHECK_EQUAL(idle.ask("GET", "/").status, 200);
  auto busy = client();
  busy.send("GET /keep HTTP/1.1\r\nHost: x\r\n\r\n" + get);
  await_kept(1);
  std::thread late{[&] {
    CAF_CHECK(idle.is_closed());
    kept[0]->respond({200, "text/plain", {}, "late"});
  }};
  server->stop(60s);
  late.join();
  auto x = busy.read();
  CAF_CHECK_EQUAL(x.body, "late");
  CAF_CHECK_EQUAL(x.headers["connection"], "close");
  CAF_CHECK(busy.is_closed());
  CAF_CHECK_EQUAL(server->counts().connections, 0u);
  CAF_CHECK(!client().connected());
}

CAF_TEST(who is about to ask when the server stops is answered once more) {
  options.limits.last_request = 1h;
  start();
  auto fresh = client();
  auto old = client();
  CAF_CHECK_EQUAL(old.ask("GET", "/").status, 200);
  // Both are known to the server, which serves in turn, before it stops.
  while (server->counts().connections < 2)
    std::this_thread::yield();
  std::thread stopping{[&] { server->stop(60s); }};
  while (client().connected())
    std::this_thread::yield();
  for (auto* x : {&old, &fresh}) {
    auto answer = x->ask("GET", "/a");
    CAF_CHECK_EQUAL(answer.body, "GET /a ");
    CAF_CHECK_EQUAL(answer.headers["connection"], "close");
    CAF_CHECK(x->is_closed());
  }
  stopping.join();
}

CAF_TEST(a server that stops cuts off a body that comes in parts) {
  start();
  auto c = client();
  c.send("GET /keep HTTP/1.1\r\nHost: x\r\n\r\n");
  await_kept(1);
  std::promise<bool> first;
  kept[0]->open({200, "text/plain", {}, {}});
  kept[0]->send("one\n", [&](bool sent) { first.set_value(sent); });
  CAF_CHECK(first.get_future().get());
  server->stop(60s);
  CAF_CHECK_EQUAL(c.read_head().status, 200);
  CAF_CHECK(c.read_chunk().value_or("") == "one\n");
  // Without a last chunk: it is not complete.
  CAF_CHECK(c.is_closed());
}

CAF_TEST(a server that stops does not wait for ever) {
  start();
  auto c = client();
  c.send("GET /keep HTTP/1.1\r\nHost: x\r\n\r\n");
  await_kept(1);
  server->stop(50ms);
  CAF_CHECK(c.is_closed());
  // Too late, and harmless; also when the server is gone.
  kept[0]->respond({});
  server.reset();
  kept[0]->send("x", nullptr);
}

CAF_TEST(who writes to a client that is gone hears of it) {
  start();
  {
    auto c = client();
    c.send("GET /keep HTTP/1.1\r\nHost: x\r\n\r\n");
    await_kept(1);
  }
  kept[0]->open({200, "text/plain", {}, {}});
  for (auto sent = true; sent;) {
    std::promise<bool> told;
    kept[0]->send("x", [&](bool y) { told.set_value(y); });
    sent = told.get_future().get();
  }
}

CAF_TEST(a client that hangs up while nothing is sent is noticed) {
  start();
  {
    auto c = client();
    c.send("GET /keep HTTP/1.1\r\nHost: x\r\n\r\n");
    await_kept(1);
    kept[0]->open({200, "text/plain", {}, {}});
    CAF_CHECK(c.read_head().status == 200);
    CAF_CHECK(kept[0]->is_open());
  }
  while (kept[0]->is_open())
    std::this_thread::yield();
}

CAF_TEST(a port in use is an error) {
  start();
  options.port = server->port();
  auto x = http::server::start(options, [](auto, auto) {});
  CAF_REQUIRE(!x);
  CAF_CHECK(x.error().code == ec::system_failure);
  options.host = "no.such.host.invalid";
  CAF_CHECK(!http::server::start(options, [](auto, auto) {}));
}

CAF_TEST(who connects between two servers of a socket waits for the next one) {
  unique_fd socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  CAF_REQUIRE_EQUAL(::listen(socket.get(), 16), 0);
  options.socket = dup(socket.get());
  start();
  CAF_CHECK_EQUAL(client().ask("GET", "/a").status, 200);
  server->stop(60s);
  auto waiting = client();
  waiting.send(get);
  options.socket = socket.release();
  start();
  CAF_CHECK_EQUAL(waiting.read().body, "GET /a ");
  server->stop(60s);
  CAF_CHECK(!client().connected());
}

CAF_TEST(an answer of another thread counts also if this one drops it last) {
  start();
  auto c = client();
  for (auto i = 0; i < 100; ++i) {
    auto x = c.ask("GET", "/elsewhere");
    CAF_CHECK_EQUAL(x.status, 200);
    CAF_CHECK_EQUAL(x.body, "there");
  }
}

CAF_TEST(what was answered is told) {
  std::mutex guard;
  std::vector<unsigned> seen;
  options.observe = [&](auto& x) {
    std::lock_guard lock{guard};
    seen.push_back(x.status);
  };
  start();
  auto c = client();
  c.ask("GET", "/");
  c.ask("GET", "/drop");
  c.send("garbage\r\n\r\n");
  c.read();
  server->stop(10s);
  CAF_CHECK_EQUAL(seen, (std::vector<unsigned>{200, 500, 400}));
}

CAF_TEST_FIXTURE_SCOPE_END()

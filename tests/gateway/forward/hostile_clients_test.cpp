// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// What clients may do to the HTTP front of a gateway. COPPICE_FUZZ_SECONDS says
// how long the fuzzer runs; with COPPICE_SEED it begins with that seed.

#include "tests/gateway/forward/forwarder_fixture.hpp"

#include <malloc.h>
#include <sys/resource.h>

#include <cstdlib>
#include <fstream>
#include <random>

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

#ifdef COPPICE_SANITIZE_ADDRESS
/// Of the sanitizer's own interface; GCC 12 has no header of it.
extern "C" size_t __sanitizer_get_current_allocated_bytes();
#endif

namespace {

using clock_type = std::chrono::steady_clock;

int64_t number_from(const char* name, int64_t fallback) {
  auto* text = std::getenv(name);
  return text ? std::atoll(text) : fallback;
}

/// Resident memory of this process.
size_t resident_bytes() {
  std::ifstream in{"/proc/self/statm"};
  size_t total = 0;
  size_t resident = 0;
  in >> total >> resident;
  return resident * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

/// Memory of this process that is in use. What the sanitizer keeps for a while
/// after it was freed is resident, and no leak.
size_t live_bytes() {
#ifdef COPPICE_SANITIZE_ADDRESS
  return __sanitizer_get_current_allocated_bytes();
#else
  auto x = ::mallinfo2();
  return x.uordblks + x.hblkhd;
#endif
}

struct fixture : forwarder_fixture {
  fixture()
    : up([](const raw_request&) {
        return raw_answer{plain("x"), false};
      }) {
    spec.set_hold_ms(2'000);
  }

  /// Returns whether an ordinary client is served.
  bool others_are_served() {
    return client().ask("POST", "/s/svc/", "body").status == 200;
  }

  /// Sends *text* and reads the first answer.
  int status_of(const std::string& text) {
    auto c = client();
    c.send(text);
    c.stop_sending();
    return c.read().status;
  }

  scripted_server up;
};

const std::string start_line = "POST /s/svc/x HTTP/1.1\r\nHost: localhost\r\n";

/// What ordinary clients send, to begin with.
const std::vector<std::string> samples{
  start_line + "Content-Length: 4\r\n\r\nbody",
  start_line + "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
  "GET /s/svc/a?b=c HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
  "GET http://localhost/s/svc/ HTTP/1.1\r\nHost: localhost\r\n"
  "Connection: X-A, close\r\nX-A: 1\r\nIdempotency-Key: k\r\n\r\n",
  "HEAD /s/svc/ HTTP/1.0\r\n\r\n",
  "PUT /s/svc/x HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
  "Content-Length: 3\r\n\r\nabc",
  "GET /s/none/ HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\n\r\n",
};

/// What parsers stumble over.
const std::vector<std::string> pieces{"\r\n",
                                      "\n",
                                      "\r",
                                      "\r\n\r\n",
                                      ":",
                                      " ",
                                      "\t",
                                      "%00",
                                      "..",
                                      "//",
                                      "?",
                                      "Content-Length: 5\r\n",
                                      "Content-Length: -1\r\n",
                                      "Transfer-Encoding: chunked\r\n",
                                      "Transfer-Encoding: x\r\n",
                                      "Connection: host\r\n",
                                      "0\r\n\r\n",
                                      "ffffffffffffffff\r\n",
                                      "Host: b\r\n",
                                      "HTTP/1.1",
                                      "HTTP/9.9",
                                      "/s/svc/",
                                      std::string(1, '\0'),
                                      "\xff\xfe",
                                      "Coppice-Epoch: 1\r\n",
                                      "Idempotency-Key: k\r\n",
                                      std::string(5'000, 'a')};

std::string mutate(std::string x, std::mt19937_64& lots) {
  for (auto n = 1 + lots() % 4; n > 0; --n) {
    auto at = x.empty() ? 0 : lots() % x.size();
    switch (lots() % 5) {
      case 0:
        x.insert(at, pieces[lots() % pieces.size()]);
        break;
      case 1:
        x.erase(at, 1 + lots() % 8);
        break;
      case 2:
        if (!x.empty())
          x[at] = static_cast<char>(lots());
        break;
      case 3:
        x += samples[lots() % samples.size()];
        break;
      default:
        x.resize(at);
        break;
    }
  }
  return x;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(hostile_clients_tests, fixture)

CAF_TEST(a request with two readings is refused and reaches no service) {
  start(up.address());
  for (auto headers :
       {"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Content-Length: 4\r\nContent-Length: 5\r\n",
        "Content-Length: 4, 5\r\n", "Content-Length: +4\r\n",
        "Content-Length: 0x4\r\n", "Content-Length: -4\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n", "Content-Length : 4\r\n",
        "Content-Length: 4\n", "X: a\rb\r\n", "X y: 1\r\n", ": 1\r\n",
        "Host: other\r\n"}) {
    auto status = status_of(start_line + headers + "\r\nbody");
    CAF_CHECK(status >= 400 && status < 600);
    if (status < 400)
      CAF_MESSAGE("not refused: " << headers);
  }
  for (auto line : {"POST /s/svc/ x HTTP/1.1\r\n", "POST  HTTP/1.1\r\n",
                    "POST /s/svc/\r\n", "P\x01ST /s/svc/ HTTP/1.1\r\n",
                    "POST /s/svc/ HTTP/2.0\r\n", "\r\r\n"}) {
    auto status = status_of(std::string{line} + "Host: localhost\r\n\r\n");
    CAF_CHECK(status == 0 || status >= 400);
  }
  CAF_CHECK_EQUAL(up.requests(), 0u);
  CAF_CHECK(others_are_served());
}

CAF_TEST(bodies in bad chunks reach no service) {
  start(up.address());
  for (auto body :
       {"x\r\nbody\r\n0\r\n\r\n", "-4\r\nbody\r\n0\r\n\r\n", "4\nbody\n0\n\n",
        "4\r\nbodyXX0\r\n\r\n", "10000000000000000\r\nbody\r\n0\r\n\r\n",
        "4\r\nbody\r\n"}) {
    auto status
      = status_of(start_line + "Transfer-Encoding: chunked\r\n\r\n" + body);
    CAF_CHECK(status == 0 || status >= 400);
  }
  CAF_CHECK_EQUAL(up.requests(), 0u);
  CAF_CHECK(others_are_served());
}

CAF_TEST(a folded header is no way to hide one) {
  start(up.address());
  auto status = status_of(start_line
                          + "X: a\r\n Transfer-Encoding: chunked\r\n"
                            "Content-Length: 4\r\n\r\nbody");
  // One header with a longer value, or nothing at all.
  CAF_CHECK(status == 200 || status >= 400);
  CAF_CHECK(up.requests() <= 1);
  CAF_CHECK(others_are_served());
}

CAF_TEST(headers that are too large are refused) {
  start(up.address());
  auto many = start_line;
  for (auto i = 0; i < 2'000; ++i)
    many += "X-" + std::to_string(i) + ": 1234567890\r\n";
  CAF_CHECK_EQUAL(status_of(many + "\r\n"), 431);
  CAF_CHECK_EQUAL(
    status_of(start_line + "X: " + std::string(20'000, 'x') + "\r\n\r\n"), 431);
  CAF_CHECK(others_are_served());
}

CAF_TEST(clients that drip do not keep others waiting) {
  limits.header = 300ms;
  start(up.address());
  std::vector<std::unique_ptr<http_socket>> slow;
  for (auto i = 0; i < 200; ++i) {
    slow.push_back(std::make_unique<http_socket>(server->port()));
    slow.back()->send("GET /s/svc/ HT");
  }
  CAF_CHECK(others_are_served());
  for (auto& x : slow)
    CAF_CHECK_EQUAL(x->read().status, 408);
  CAF_CHECK(others_are_served());
}

CAF_TEST(ten thousand connections that say nothing keep nobody waiting) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  // Both ends are in this process.
  auto most = std::min<size_t>(10'000, (files.rlim_cur - 500) / 2);
  limits.connections = most + 10;
  start(up.address());
  auto before = resident_bytes();
  std::vector<std::unique_ptr<http_socket>> idle;
  while (idle.size() < most) {
    idle.push_back(std::make_unique<http_socket>(server->port()));
    CAF_REQUIRE(idle.back()->connected());
  }
  await([&] { return server->counts().connections >= most; });
  auto each = (resident_bytes() - before) / most;
  CAF_MESSAGE(most << " connections, bytes of each: " << each);
  CAF_CHECK(each < 20'000);
  auto begin = clock_type::now();
  CAF_CHECK(others_are_served());
  CAF_CHECK(clock_type::now() - begin < 5s);
}

CAF_TEST(whatever comes the server goes on) {
  limits.header = 500ms;
  limits.body = 500ms;
  spec.set_hold_ms(300);
  start(up.address());
  auto seed = static_cast<uint64_t>(number_from("COPPICE_SEED", 1));
  auto until = clock_type::now()
               + std::chrono::seconds{number_from("COPPICE_FUZZ_SECONDS", 8)};
  size_t before = 0;
  uint64_t sent = 0;
  for (; clock_type::now() < until; ++seed, ++sent) {
    std::mt19937_64 lots{seed};
    auto text = mutate(samples[lots() % samples.size()], lots);
    auto c = client();
    // A check of the library would be a line of the log each time.
    if (!c.connected())
      CAF_FAIL("nobody accepts a connection at seed " << seed);
    c.send(text);
    // Sometimes it hangs up at once, sometimes it listens.
    if (lots() % 2 == 0) {
      c.stop_sending();
      c.read();
    }
    if (sent == 5'000)
      before = live_bytes();
    if (sent % 1'000 == 0 && !others_are_served())
      CAF_FAIL("nobody is served after seed " << seed);
  }
  CAF_MESSAGE(sent << " requests, up to seed " << seed);
  CAF_CHECK(others_are_served());
  await([&] { return server->counts().connections <= 2; });
  if (before > 0)
    CAF_CHECK(live_bytes() < before + (size_t{8} << 20));
}

CAF_TEST_FIXTURE_SCOPE_END()

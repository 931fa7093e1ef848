// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// Services of real nodes, asked by way of the gateway of another process.

#include "tests/process/support/real_node.hpp"
#include "tests/support/http_socket.hpp"

#include <caf/test/unit_test.hpp>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <future>
#include <set>
#include <string>

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

/// Serves HTTP on the port that it is given: answers with its instance, and
/// with 503 at /health as long as the file "sick" is there.
constexpr auto web_server = R"(
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self):
        sick = self.path == "/health" and os.path.exists(
            os.environ["SICK"] + os.environ["COPPICE_INSTANCE"])
        size = int(self.headers.get("Content-Length", 0))
        body = (os.environ["COPPICE_INSTANCE"] + " " + self.command + " "
                + self.path + " " + self.rfile.read(size).decode()).encode()
        self.send_response(503 if sick else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_GET = do_POST = answer
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])),
                                Handler).serve_forever()
)";

std::map<std::string, std::string> settings(const std::string& roles,
                                            const real_node& manager) {
  return {{"node.roles", roles}, {"worker.managers", manager.address()}};
}

struct fixture {
  fixture() {
    gateway.set("http.listen", "127.0.0.1:" + std::to_string(port));
    for (auto* x : {&manager, &w1, &w2, &gateway})
      x->start();
  }

  command_result coppice(std::vector<std::string> args) {
    args.insert(args.end(), {"--connect", manager.address()});
    return run_coppice(args);
  }

  /// Applies a service until somebody takes it.
  void apply(const std::string& section) {
    auto file = folder.path() / "service.conf";
    std::ofstream{file} << section;
    command_result last;
    auto done = eventually([&] {
      last = coppice({"service", "apply", file.string()});
      return last.code == 0;
    });
    CAF_MESSAGE(last.err);
    CAF_REQUIRE(done);
  }

  http_answer ask(const std::string& method, const std::string& target,
                  const std::string& body = {},
                  const std::string& headers = {}) const {
    return http_socket{port}.ask(method, target, body, headers);
  }

  /// Returns a number of the gateway, or -1 while it says none.
  int metric(const std::string& name) const {
    auto page = '\n' + ask("GET", "/metrics").body;
    auto found = page.find('\n' + name + ' ');
    return found == page.npos
             ? -1
             : std::atoi(page.c_str() + found + name.size() + 2);
  }

  bool answers(const std::string& target) const {
    return eventually([&] { return ask("GET", target).status == 200; });
  }

  /// Returns the node that has the service, as the list says.
  std::string owner() {
    auto list = coppice({"service", "list"}).out;
    return list.find("w1") != std::string::npos   ? "w1"
           : list.find("w2") != std::string::npos ? "w2"
                                                  : "";
  }

  real_node& node(const std::string& name) {
    return name == "w1" ? w1 : w2;
  }

  temp_folder folder;
  uint16_t port = free_port();
  real_node manager{folder.path(), "m1", {{"node.roles", "manager"}}};
  real_node w1{folder.path(), "w1", settings("worker", manager)};
  real_node w2{folder.path(), "w2", settings("worker", manager)};
  real_node gateway{folder.path(), "g1", settings("gateway", manager)};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(services_tests, fixture)

CAF_TEST(a native service keeps its state when it moves and when it dies) {
  apply("[service.counter]\nform = native\n");
  CAF_REQUIRE(answers("/s/counter/"));
  auto add = [this](const std::string& id) {
    return ask("POST", "/s/counter/add?by=5", {},
               "Content-Length: 0\r\nIdempotency-Key: " + id + "\r\n");
  };
  CAF_CHECK_EQUAL(add("a").body, "5\n");
  CAF_CHECK_EQUAL(add("b").body, "10\n");
  auto before = owner();
  CAF_CHECK(!before.empty());
  // The other worker may still be on its way.
  CAF_REQUIRE(eventually([&] {
    return coppice({"service", "move", "counter"}).code == 0;
  }));
  // It is held while nobody has it, not refused.
  CAF_CHECK(eventually([&] {
    CAF_CHECK_EQUAL(ask("GET", "/s/counter/").body, "10\n");
    auto now = owner();
    return !now.empty() && now != before;
  }));
  CAF_CHECK_EQUAL(add("a").body, "5\n");
  CAF_CHECK_EQUAL(add("c").body, "15\n");
  node(owner()).signal_node(SIGKILL);
  auto again = add("c");
  CAF_CHECK_EQUAL(again.status, 200);
  CAF_CHECK_EQUAL(again.body, "15\n");
  CAF_CHECK_EQUAL(ask("GET", "/s/counter/").body, "15\n");
  auto other = ask("POST", "/s/counter/add?by=6", {},
                   "Content-Length: 0\r\nIdempotency-Key: c\r\n");
  CAF_CHECK_EQUAL(other.status, 422);
}

CAF_TEST(a request is held until there is a node again) {
  apply("[service.counter]\nform = native\n");
  CAF_REQUIRE(answers("/s/counter/"));
  CAF_CHECK_EQUAL(w1.stop(), 0);
  CAF_CHECK_EQUAL(w2.stop(), 0);
  auto held = std::async(std::launch::async, [this] {
    return ask("POST", "/s/counter/add", {}, "Content-Length: 0\r\n");
  });
  CAF_CHECK(held.wait_for(1s) == std::future_status::timeout);
  w2.start();
  auto answer = held.get();
  CAF_CHECK_EQUAL(answer.status, 200);
  CAF_CHECK_EQUAL(answer.body, "1\n");
}

CAF_TEST(what a gateway holds on disk outlives it) {
  apply("[service.counter]\nform = native\nsave = disk\nhold_time = 5m\n");
  CAF_REQUIRE(answers("/s/counter/"));
  CAF_CHECK_EQUAL(w1.stop(), 0);
  CAF_CHECK_EQUAL(w2.stop(), 0);
  constexpr auto n = 20;
  std::vector<std::future<void>> clients;
  for (auto i = 0; i < n; ++i)
    clients.push_back(std::async(std::launch::async, [this, i] {
      // Nobody answers it.
      ask("POST", "/s/counter/add", {},
          "Content-Length: 0\r\nIdempotency-Key: k" + std::to_string(i)
            + "\r\n");
    }));
  CAF_REQUIRE(eventually(
    [&] { return metric("coppice_forward_on_disk_requests") == n; }));
  gateway.kill_both();
  for (auto& x : clients)
    x.wait();
  gateway.start();
  CAF_CHECK(
    eventually([&] { return metric("coppice_forward_restored_total") == n; }));
  w2.start();
  CAF_CHECK(eventually(
    [&] { return metric("coppice_forward_on_disk_requests") == 0; }));
  CAF_CHECK_EQUAL(ask("GET", "/s/counter/").body, "20\n");
  // Who asks again with the same id hears what became of it.
  std::set<std::string> heard;
  for (auto i = 0; i < n; ++i)
    heard.insert(ask("POST", "/s/counter/add", {},
                     "Content-Length: 0\r\nIdempotency-Key: k"
                       + std::to_string(i) + "\r\n")
                   .body);
  CAF_CHECK_EQUAL(heard.size(), static_cast<size_t>(n));
  CAF_CHECK_EQUAL(ask("GET", "/s/counter/").body, "20\n");
}

CAF_TEST(processes share the requests and a sick one gets none) {
  auto script = folder.path() / "server.py";
  std::ofstream{script} << web_server;
  auto sick = folder.path() / "sick";
  apply("[service.web]\ncommand = python3 " + script.string()
        + " {port}\ninstances = 2\nhealth_path = /health\n"
          "health_interval = 100ms\nenv.SICK = "
        + sick.string() + "\n");
  std::set<std::string> seen;
  auto look = [&] {
    auto x = ask("POST", "/s/web/path?q=1", "{}");
    if (x.status == 200)
      seen.insert(x.body.substr(0, 1));
    return x;
  };
  CAF_REQUIRE(eventually([&] {
    look();
    return seen.size() == 2;
  }));
  auto answer = look();
  CAF_CHECK_EQUAL(answer.body.substr(2), "POST /path?q=1 {}");
  std::ofstream{sick.string() + "0"}.flush();
  CAF_CHECK(eventually([&] {
    seen.clear();
    for (auto i = 0; i < 10; ++i)
      look();
    return seen == std::set<std::string>{"1"};
  }));
  std::filesystem::remove(sick.string() + "0");
  CAF_CHECK(eventually([&] {
    look();
    return seen.size() == 2;
  }));
  // Half of them dies; those that can be asked again are.
  w1.signal_node(SIGKILL);
  for (auto i = 0; i < 20; ++i)
    CAF_CHECK_EQUAL(ask("GET", "/s/web/").status, 200);
  CAF_CHECK_EQUAL(coppice({"service", "remove", "web"}).code, 0);
  CAF_CHECK(eventually([&] { return ask("GET", "/s/web/").status == 404; }));
}

CAF_TEST(a service that cannot be started says why) {
  apply("[service.broken]\ncommand = /nonexistent/program {port}\n");
  CAF_CHECK(eventually([&] {
    auto x = coppice({"service", "show", "broken"});
    return x.out.find("/nonexistent/program") != std::string::npos
           && x.out.find("failed") != std::string::npos;
  }));
  auto missing = ask("GET", "/s/nobody/");
  CAF_CHECK_EQUAL(missing.status, 404);
}

CAF_TEST_FIXTURE_SCOPE_END()

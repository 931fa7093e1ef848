// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The HTTP API of real nodes, over real sockets.

#include "proto/http.pb.h"
#include "runtime/proto_json.hpp"
#include "tests/process/support/real_node.hpp"
#include "tests/support/http_socket.hpp"

#include <caf/test/unit_test.hpp>

#include <csignal>
#include <fstream>
#include <string>
#include <vector>

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

template <class T>
T read_json(const std::string& text) {
  T x;
  if (auto read = from_json(text, x); !read)
    CAF_FAIL("no JSON of the type that was expected: " << text);
  return x;
}

struct fixture {
  fixture() {
    node.set("node.roles", "manager,worker,gateway");
    node.set("http.listen", "127.0.0.1:" + std::to_string(port));
  }

  /// Starts *x* and waits until its gateway is ready.
  static void start(real_node& x, uint16_t http) {
    x.start();
    CAF_REQUIRE(eventually([&] { return status_of(http, "/readyz") == 200; }));
  }

  static int status_of(uint16_t http, const std::string& path) {
    return http_socket{http}.ask("GET", path).status;
  }

  std::string submit(http_socket& c, const std::string& spec) {
    auto x = c.ask("POST", "/v1/tasks", spec);
    CAF_MESSAGE(x.body);
    CAF_REQUIRE_EQUAL(x.status, 201);
    auto id = read_json<proto::SubmitReply::Item>(x.body).id();
    CAF_CHECK(x.headers["location"] == "/v1/tasks/" + id);
    return id;
  }

  proto::Task task(http_socket& c, const std::string& id) {
    auto x = c.ask("GET", "/v1/tasks/" + id);
    CAF_REQUIRE_EQUAL(x.status, 200);
    return read_json<proto::Task>(x.body);
  }

  proto::Task await(http_socket& c, const std::string& id,
                    proto::TaskState state) {
    proto::Task x;
    CAF_CHECK(eventually([&] {
      x = task(c, id);
      return x.state() == state;
    }));
    return x;
  }

  temp_folder folder;
  uint16_t port = free_port();
  real_node node{folder.path(), "n1"};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(http_tests, fixture)

CAF_TEST(tasks are submitted and followed over one connection) {
  start(node, port);
  http_socket c{port};
  auto spec = R"({"kind":"exec","product":"p","idempotencyKey":"k",)"
              R"("exec":{"argv":["/bin/echo","hello"]}})";
  auto id = submit(c, spec);
  auto again = c.ask("POST", "/v1/tasks", spec);
  CAF_CHECK_EQUAL(again.status, 200);
  CAF_CHECK(read_json<proto::SubmitReply::Item>(again.body).id() == id);
  auto other = c.ask("POST", "/v1/tasks",
                     R"({"kind":"noop","product":"p","idempotencyKey":"k"})");
  CAF_CHECK_EQUAL(other.status, 409);
  auto done = await(c, id, proto::SUCCEEDED);
  CAF_CHECK(done.spec().exec().argv(1) == "hello");
  CAF_CHECK_EQUAL(done.attempts_size(), 1);

  auto batch = c.ask("POST", "/v1/tasks/batch",
                     R"({"tasks":[{"kind":"noop"},{"kind":"nonesuch"},)"
                     R"({"kind":"noop","priority":99}]})");
  CAF_REQUIRE_EQUAL(batch.status, 200);
  auto items = read_json<proto::SubmitReply>(batch.body);
  CAF_REQUIRE_EQUAL(items.items_size(), 3);
  CAF_CHECK(!items.items(0).id().empty());
  CAF_CHECK(items.items(2).has_error());

  auto list = c.ask("GET", "/v1/tasks?product=p&state=succeeded");
  CAF_CHECK_EQUAL(read_json<proto::ListReply>(list.body).tasks_size(), 1);
  auto page
    = read_json<proto::ListReply>(c.ask("GET", "/v1/tasks?limit=1").body);
  CAF_CHECK_EQUAL(page.tasks_size(), 1);
  CAF_CHECK(!page.next().empty());
  CAF_CHECK_EQUAL(c.ask("GET", "/v1/tasks/1.1.999").status, 404);
  CAF_CHECK_EQUAL(c.ask("GET", "/v1/tasks/" + id + "/explain").status, 200);
}

CAF_TEST(tasks are cancelled and tried again) {
  start(node, port);
  http_socket c{port};
  auto id = submit(c, R"({"kind":"sleep","sleep":{"duration":"600s"}})");
  await(c, id, proto::RUNNING);
  CAF_CHECK_EQUAL(c.ask("POST", "/v1/tasks/" + id + "/retry").status, 409);
  CAF_CHECK_EQUAL(c.ask("POST", "/v1/tasks/" + id + "/cancel").status, 200);
  await(c, id, proto::CANCELLED);
  CAF_CHECK_EQUAL(c.ask("POST", "/v1/tasks/" + id + "/retry").status, 200);
  await(c, id, proto::RUNNING);
}

CAF_TEST(output is read in parts and followed) {
  start(node, port);
  http_socket c{port};
  auto go = (folder.path() / "go").string();
  auto id = submit(c, R"({"kind":"exec","exec":{"argv":["/bin/sh","-c",)"
                      R"("echo one; while ! [ -e )"
                        + go + R"( ]; do sleep 0.05; done; echo two"]}})");
  await(c, id, proto::RUNNING);
  auto logs = "/v1/tasks/" + id + "/logs";
  CAF_CHECK(eventually([&] { return c.ask("GET", logs).body == "one\n"; }));
  http_socket follower{port};
  follower.send("GET " + logs
                + "?follow=true HTTP/1.1\r\nHost: localhost\r\n\r\n");
  auto head = follower.read_head();
  CAF_CHECK(head.headers["transfer-encoding"] == "chunked");
  CAF_CHECK(follower.read_chunk().value_or("") == "one\n");
  std::ofstream{go};
  CAF_CHECK(follower.read_chunk().value_or("") == "two\n");
  CAF_CHECK(!follower.read_chunk());
  await(c, id, proto::SUCCEEDED);
  auto part = c.ask("GET", logs, {}, "Range: bytes=2-5\r\n");
  CAF_CHECK_EQUAL(part.status, 206);
  CAF_CHECK(part.body == "e\ntw");
  CAF_CHECK(part.headers["content-range"] == "bytes 2-5/*");
  CAF_CHECK_EQUAL(c.ask("GET", "/v1/tasks/1.1.999/logs").status, 404);
}

CAF_TEST(progress comes as events until the task has ended) {
  start(node, port);
  http_socket c{port};
  auto id = submit(c, R"({"kind":"sleep","sleep":{"duration":"600s"}})");
  await(c, id, proto::RUNNING);
  http_socket watcher{port};
  watcher.send("GET /v1/tasks/" + id
               + "/progress HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CAF_CHECK(watcher.read_head().headers["content-type"] == "text/event-stream");
  auto first = watcher.read_chunk().value_or("");
  CAF_CHECK(first.starts_with("event: task\ndata: {"));
  CAF_CHECK_EQUAL(c.ask("POST", "/v1/tasks/" + id + "/cancel").status, 200);
  std::string all;
  while (auto part = watcher.read_chunk())
    all += *part;
  CAF_CHECK(all.find("CANCELLED") != std::string::npos);
  CAF_CHECK(all.ends_with("event: end\ndata: {}\n\n"));
}

CAF_TEST(numbers and the description are served) {
  start(node, port);
  http_socket c{port};
  auto numbers = c.ask("GET", "/metrics").body;
  CAF_CHECK(numbers.find("coppice_http_requests_total{operation="
                         "\"getReadiness\",code=\"200\"} ")
            != std::string::npos);
  auto description = c.ask("GET", "/v1/openapi.json");
  CAF_CHECK(description.headers["content-type"] == "application/json");
  CAF_CHECK(description.body.find("\"openapi\": \"3.1.0\"")
            != std::string::npos);
}

CAF_TEST(nodes and products are shown and nodes are drained) {
  start(node, port);
  http_socket c{port};
  submit(c, R"({"kind":"noop","product":"reports"})");
  auto nodes = read_json<proto::NodesReply>(c.ask("GET", "/v1/nodes").body);
  CAF_REQUIRE_EQUAL(nodes.nodes_size(), 1);
  CAF_CHECK(nodes.nodes(0).name() == "n1");
  CAF_CHECK_EQUAL(c.ask("GET", "/v1/products/reports").status, 200);
  CAF_CHECK_EQUAL(c.ask("GET", "/v1/products/none").status, 404);
  CAF_CHECK_EQUAL(c.ask("POST", "/v1/nodes/n1/drain").status, 200);
  auto x = read_json<proto::Node>(c.ask("GET", "/v1/nodes/n1").body);
  CAF_CHECK(x.drained_ms() > 0);
  CAF_CHECK_EQUAL(c.ask("POST", "/v1/nodes/n1/release").status, 200);
  x = read_json<proto::Node>(c.ask("GET", "/v1/nodes/n1").body);
  CAF_CHECK(x.drained_ms() == 0);
  auto events = read_json<proto::EventsReply>(c.ask("GET", "/v1/events").body);
  CAF_CHECK(events.events_size() >= 3);
  CAF_CHECK_EQUAL(c.ask("POST", "/v1/nodes/none/drain").status, 404);
}

CAF_TEST(pipelined and chunked requests work and bad ones harm nobody) {
  start(node, port);
  http_socket c{port};
  std::string all;
  for (auto i = 0; i < 50; ++i)
    all += "POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\n"
           "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
           "Idempotency-Key: k"
           + std::to_string(i % 25)
           + "\r\n\r\n"
             "8\r\n{\"kind\":\r\n7\r\n\"noop\"}\r\n0\r\n\r\n";
  c.send(all);
  std::vector<std::string> ids;
  for (auto i = 0; i < 50; ++i) {
    auto x = c.read();
    CAF_REQUIRE_EQUAL(x.status, i < 25 ? 201 : 200);
    ids.push_back(read_json<proto::SubmitReply::Item>(x.body).id());
  }
  for (auto i = 0; i < 25; ++i)
    CAF_CHECK(ids[i] == ids[i + 25]);

  // Someone who drips, and someone who says how much but never sends it.
  http_socket slow{port};
  slow.send("GET /v1/tasks HT");
  http_socket greedy{port};
  greedy.send("POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\n"
              "Content-Length: 99999999\r\n\r\n");
  CAF_CHECK_EQUAL(greedy.read().status, 413);
  struct {
    std::string text;
    int status;
  } bad[] = {{"nonsense\r\n\r\n", 400},
             {"GET /v1/tasks HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421},
             {"GET /v1/%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
             {"BREW /v1/tasks HTTP/1.1\r\nHost: localhost\r\n\r\n", 405},
             {"POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\n"
              "Content-Type: application/json\r\nContent-Length: 9\r\n\r\n"
              "{\"kind\":x",
              400}};
  for (auto& [text, status] : bad) {
    http_socket x{port};
    x.send(text);
    auto answer = x.read();
    CAF_CHECK_EQUAL(answer.status, status);
    CAF_CHECK(answer.headers["content-type"] == "application/problem+json");
    CAF_CHECK(read_json<proto::Problem>(answer.body).status() != 0);
  }
  CAF_CHECK_EQUAL(status_of(port, "/healthz"), 200);
}

CAF_TEST(a gateway without a manager finds one and gets over its loss) {
  auto http = free_port();
  real_node gateway{folder.path(),
                    "g1",
                    {{"node.roles", "gateway"},
                     {"worker.managers", node.address()},
                     {"http.listen", "127.0.0.1:" + std::to_string(http)}}};
  gateway.start();
  CAF_REQUIRE(eventually([&] { return status_of(http, "/healthz") == 200; }));
  CAF_CHECK_EQUAL(status_of(http, "/readyz"), 503);
  CAF_CHECK_EQUAL(status_of(http, "/v1/tasks"), 503);
  node.start();
  CAF_REQUIRE(eventually([&] { return status_of(http, "/readyz") == 200; }));
  http_socket c{http};
  auto id = submit(c, R"({"kind":"noop"})");
  await(c, id, proto::SUCCEEDED);
  for (auto round = 0; round < 3; ++round) {
    node.signal_node(SIGKILL);
    // Asked while it is gone, answered when it is back; known by its key.
    auto spec
      = R"({"kind":"noop","idempotencyKey":"r)" + std::to_string(round) + "\"}";
    auto x = c.ask("POST", "/v1/tasks", spec);
    while (x.status == 503 || x.status == 504)
      x = c.ask("POST", "/v1/tasks", spec);
    CAF_CHECK(x.status == 200 || x.status == 201);
  }
  auto list = read_json<proto::ListReply>(c.ask("GET", "/v1/tasks").body);
  CAF_CHECK_EQUAL(list.tasks_size(), 4);
  CAF_CHECK_EQUAL(gateway.stop(), 0);
}

CAF_TEST(a node that stops leaves no request without an answer) {
  start(node, port);
  http_socket idle{port};
  CAF_CHECK_EQUAL(idle.ask("GET", "/healthz").status, 200);
  http_socket busy{port};
  for (auto i = 0; i < 20; ++i)
    busy.send("GET /v1/nodes HTTP/1.1\r\nHost: localhost\r\n\r\n");
  auto first = busy.read();
  CAF_CHECK_EQUAL(first.status, 200);
  CAF_CHECK_EQUAL(node.stop(), 0);
  // Each of them is answered, or it is said that no more will be.
  auto last = first;
  for (auto x = busy.read(); x.status != 0; x = busy.read())
    last = x;
  CAF_CHECK_EQUAL(last.status, 200);
  CAF_CHECK(idle.is_closed());
}

CAF_TEST(what cannot be served is refused at the start) {
  auto try_node = [&](const std::string& listen) {
    auto file = folder.path() / "bad.conf";
    std::ofstream{file} << "node.id = x\ndata.dir = "
                             + (folder.path() / "x").string()
                             + "\nnode.listen = 127.0.0.1:0\n"
                               "node.roles = manager,gateway\nhttp.listen = "
                             + listen + "\n";
    return run_coppice({"node", "--config", file.string()});
  };
  start(node, port);
  auto said = try_node("127.0.0.1:" + std::to_string(port));
  CAF_CHECK_EQUAL(said.code, 2);
  CAF_CHECK(said.err.find("http.listen: cannot listen") != std::string::npos);
}

CAF_TEST_FIXTURE_SCOPE_END()

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// Requests of a service with save = disk.

#include "tests/gateway/forward/fake_held_store.hpp"
#include "tests/gateway/forward/forwarder_fixture.hpp"

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// What a service was asked.
struct record {
  raw_answer operator()(const raw_request& x) {
    std::unique_lock guard{mutex};
    seen.push_back(x);
    changed.notify_all();
    changed.wait(guard, [this] { return !blocked; });
    return {plain("done"), false};
  }

  void block(bool x) {
    std::lock_guard guard{mutex};
    blocked = x;
    changed.notify_all();
  }

  /// Waits until it was asked so often.
  void await(size_t n) {
    std::unique_lock guard{mutex};
    CAF_REQUIRE(changed.wait_for(guard, 30s, [&] { return seen.size() >= n; }));
  }

  size_t count() {
    std::lock_guard guard{mutex};
    return seen.size();
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<raw_request> seen;
  bool blocked = false;
};

struct fixture : forwarder_fixture {
  fixture() {
    spec.set_held(proto::HELD_ON_DISK);
    how.store = disk;
  }

  /// The process is killed, and another one started: it finds what was on disk.
  void kill_and_start() {
    how.found = disk->rows();
    server.reset();
    disk = std::make_shared<fake_held_store>(how.found);
    how.store = disk;
    start();
  }

  size_t on_disk() const {
    return disk->rows().requests.size();
  }

  void await_on_disk(size_t n) {
    await([&] { return on_disk() == n && counts().on_disk_now == n; });
  }

  /// Says that there are no services.
  void place_nothing(forward::route_source source) {
    forward->set_routes(std::make_shared<forward::route_table>(
      proto::ServicesReply{}, std::map<std::string, uint64_t>{}, source));
  }

  record asked;
  std::shared_ptr<fake_held_store> disk = std::make_shared<fake_held_store>();
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(kept_requests_tests, fixture)

CAF_TEST(a held request is delivered by the next start as it came) {
  start();
  place({});
  auto first = later("POST", "/s/svc/x?y=1", "body",
                     "Idempotency-Key: mine\r\nX-One: \xff\r\n");
  await_on_disk(1);
  auto second = later("PUT", "/s/svc/", "other");
  await_on_disk(2);
  kill_and_start();
  CAF_CHECK(counts().restored == 2u);
  CAF_CHECK(counts().on_disk_now == 2u);
  scripted_server up{std::ref(asked)};
  place({up.address()});
  asked.await(2);
  auto is_first = asked.seen[0].body == "body";
  auto& x = asked.seen[is_first ? 0 : 1];
  CAF_CHECK(x.head.starts_with("POST /x?y=1 HTTP/1.1\r\n"));
  CAF_CHECK_EQUAL(x.body, "body");
  CAF_CHECK_EQUAL(x.header("idempotency-key"), "mine");
  CAF_CHECK_EQUAL(x.header("x-one"), "\xff");
  CAF_CHECK_EQUAL(x.header("x-forwarded-for"), "127.0.0.1");
  await_on_disk(0);
  CAF_CHECK(counts().held_now == 0u);
  CAF_CHECK_EQUAL(asked.count(), 2u);
}

CAF_TEST(requests in memory are not written) {
  spec.set_held(proto::HELD_IN_MEMORY);
  start();
  place({});
  auto x = later("POST", "/s/svc/", "x");
  await([&] { return counts().held_now == 1; });
  scripted_server up{std::ref(asked)};
  place({up.address()});
  CAF_CHECK_EQUAL(x.get().status, 200);
  CAF_CHECK_EQUAL(disk->saves(), 0u);
}

CAF_TEST(one that is answered is on disk no more) {
  start();
  place({});
  auto x = later("POST", "/s/svc/", "x");
  await_on_disk(1);
  scripted_server up{std::ref(asked)};
  place({up.address()});
  CAF_CHECK_EQUAL(x.get().status, 200);
  await_on_disk(0);
  // One that need not wait never is.
  CAF_CHECK_EQUAL(client().ask("POST", "/s/svc/", "x").status, 200);
  CAF_CHECK_EQUAL(disk->saves(), 1u);
}

CAF_TEST(one that must not be repeated is noted before it is sent) {
  std::atomic<bool> noted = false;
  scripted_server up{[&](const raw_request&) {
    auto rows = disk->rows().requests;
    noted = rows.size() == 1 && rows[0].delivered;
    return raw_answer{plain("x"), false};
  }};
  start();
  place({});
  auto x = later("POST", "/s/svc/", "x", "Idempotency-Key: mine\r\n");
  await_on_disk(1);
  place({up.address()});
  CAF_CHECK_EQUAL(x.get().status, 200);
  CAF_CHECK(noted.load());
}

CAF_TEST(one that was being delivered is not delivered again) {
  start();
  place({});
  auto x = later("POST", "/s/svc/once", "x");
  await_on_disk(1);
  scripted_server up{std::ref(asked)};
  asked.block(true);
  place({up.address()});
  asked.await(1);
  kill_and_start();
  asked.block(false);
  CAF_CHECK(counts().restored == 0u);
  CAF_CHECK(counts().abandoned == 1u);
  await_on_disk(0);
  place({up.address()});
  CAF_CHECK_EQUAL(client().ask("GET", "/s/svc/").status, 200);
  CAF_CHECK_EQUAL(asked.count(), 2u);
}

CAF_TEST(a native service gets it again with the same id) {
  spec.set_form(proto::NATIVE_SERVICE);
  start();
  place({});
  auto x = later("POST", "/s/svc/", "x");
  await_on_disk(1);
  scripted_server up{std::ref(asked)};
  asked.block(true);
  place({up.address()});
  asked.await(1);
  CAF_CHECK(disk->marks().empty());
  kill_and_start();
  asked.block(false);
  place({up.address()});
  asked.await(2);
  auto id = asked.seen[0].header("idempotency-key");
  CAF_CHECK_EQUAL(id.size(), 32u);
  CAF_CHECK_EQUAL(asked.seen[1].header("idempotency-key"), id);
  await_on_disk(0);
}

CAF_TEST(a delivery that reached nobody is noted no more) {
  start();
  place({});
  auto x = later("POST", "/s/svc/", "x");
  await_on_disk(1);
  // A port where nobody listens.
  uint16_t port = 0;
  { port = scripted_server{std::ref(asked)}.port(); }
  place({"127.0.0.1:" + std::to_string(port)});
  await([&] {
    auto marks = disk->marks();
    return marks.size() >= 2 && marks[0] && !marks[1];
  });
  place({}, 2);
  await([&] {
    auto rows = disk->rows().requests;
    return rows.size() == 1 && !rows[0].delivered;
  });
  kill_and_start();
  scripted_server up{std::ref(asked)};
  place({up.address()});
  asked.await(1);
}

CAF_TEST(who hangs up is served all the same) {
  how.watch_after = 0ms;
  start();
  place({});
  {
    auto c = client();
    c.send("POST /s/svc/ HTTP/1.1\r\nHost: localhost\r\n"
           "Content-Length: 0\r\n\r\n");
    await_on_disk(1);
  }
  // Its end was seen.
  await([&] { return server->counts().connections == 0; });
  scripted_server up{std::ref(asked)};
  place({up.address()});
  asked.await(1);
  await_on_disk(0);
  CAF_CHECK(counts().answered[0] == 1u);
}

CAF_TEST(what is given up is not on disk when its client hears so) {
  spec.set_hold_ms(100);
  start();
  place({});
  auto x = client().ask("POST", "/s/svc/", "x");
  CAF_CHECK_EQUAL(x.status, 503);
  CAF_CHECK(contains(x.body, "was not handled"));
  CAF_CHECK_EQUAL(on_disk(), 0u);
  CAF_CHECK_EQUAL(disk->saves(), 1u);
  CAF_CHECK(counts().abandoned == 0u);
}

CAF_TEST(the time to wait begins anew with a start) {
  start();
  place({});
  auto x = later("POST", "/s/svc/", "x");
  await_on_disk(1);
  spec.set_hold_ms(50);
  kill_and_start();
  place({});
  await([&] { return counts().abandoned == 1; });
  CAF_CHECK_EQUAL(on_disk(), 0u);
}

CAF_TEST(a disk that fails takes no request) {
  start();
  place({});
  disk->fail(true);
  auto x = client().ask("POST", "/s/svc/", "x");
  CAF_CHECK_EQUAL(x.status, 503);
  CAF_CHECK_EQUAL(x.headers["retry-after"], "1");
  CAF_CHECK(contains(x.body, "storage_failure"));
  CAF_CHECK(counts().disk_refused == 1u);
  CAF_CHECK(counts().held_now == 0u);
  disk->fail(false);
  auto y = later("POST", "/s/svc/", "y");
  await_on_disk(1);
  disk->fail(true);
  // It cannot be noted that it is delivered.
  scripted_server up{std::ref(asked)};
  place({up.address()});
  auto refused = y.get();
  CAF_CHECK_EQUAL(refused.status, 503);
  CAF_CHECK(contains(refused.body, "may still be delivered"));
  CAF_CHECK_EQUAL(asked.count(), 0u);
  disk->fail(false);
  await_on_disk(0);
}

CAF_TEST(a request that gets a place in time is not written) {
  start();
  place({});
  disk->block(true);
  auto first = later("POST", "/s/svc/", "first");
  disk->await_begun(1);
  auto second = later("POST", "/s/svc/", "second");
  await([&] { return counts().held_now == 2; });
  scripted_server up{std::ref(asked)};
  place({up.address()});
  CAF_CHECK_EQUAL(second.get().status, 200);
  CAF_CHECK_EQUAL(asked.count(), 1u);
  disk->block(false);
  CAF_CHECK_EQUAL(first.get().status, 200);
  await_on_disk(0);
  CAF_CHECK_EQUAL(disk->saves(), 1u);
}

CAF_TEST(a server that stops leaves it to the next start) {
  start();
  place({});
  auto x = later("POST", "/s/svc/", "x");
  await_on_disk(1);
  server->stop(5s);
  auto answer = x.get();
  CAF_CHECK_EQUAL(answer.status, 503);
  CAF_CHECK(contains(answer.body, "\"kept\""));
  CAF_CHECK_EQUAL(on_disk(), 1u);
  kill_and_start();
  scripted_server up{std::ref(asked)};
  place({up.address()});
  asked.await(1);
  await_on_disk(0);
}

CAF_TEST(one whose service is no more is dropped once a manager says so) {
  start();
  place({});
  auto x = later("POST", "/s/svc/", "x");
  await_on_disk(1);
  kill_and_start();
  place_nothing(forward::route_source::last_start);
  CAF_CHECK(counts().on_disk_now == 1u);
  scripted_server up{std::ref(asked)};
  place({up.address()});
  asked.await(1);
  await_on_disk(0);
  place({}, 2);
  auto y = later("POST", "/s/svc/", "y");
  await_on_disk(1);
  kill_and_start();
  place_nothing(forward::route_source::manager);
  await_on_disk(0);
  CAF_CHECK(counts().abandoned == 1u);
}

CAF_TEST(what came before the services were known is written once they are) {
  start();
  auto x = later("POST", "/s/svc/", "x");
  await([&] { return counts().held_now == 1; });
  CAF_CHECK_EQUAL(disk->saves(), 0u);
  place({});
  await_on_disk(1);
  scripted_server up{std::ref(asked)};
  place({up.address()});
  CAF_CHECK_EQUAL(x.get().status, 200);
}

CAF_TEST_FIXTURE_SCOPE_END()

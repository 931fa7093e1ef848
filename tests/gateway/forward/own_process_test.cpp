// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/forward/forwarder.hpp"
#include "tests/gateway/forward/forwarder_fixture.hpp"

using namespace coppice;
using namespace coppice::test;

namespace {

/// A gateway and a process on one node, whose listener says that it is one.
struct fixture : forwarder_fixture {
  fixture()
    : listener([](const raw_request&) {
        return raw_answer{plain("listener"), false};
      }) {
    how.local = services;
  }

  void serve(const scripted_server& process, uint64_t epoch) {
    what.epoch = epoch;
    what.port = process.port();
    services->put({"svc", 0}, what);
    start(listener.address());
  }

  local_service what;
  std::shared_ptr<local_services> services = std::make_shared<local_services>();
  scripted_server listener;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(own_process_tests, fixture)

CAF_TEST(a process of the own node is asked directly and counted as busy) {
  std::atomic<uint32_t> busy = 0;
  std::string head;
  std::string sender;
  scripted_server process{[&](const raw_request& x) {
    busy = what.in_flight->load();
    head = x.head;
    sender = x.header("x-forwarded-for");
    return raw_answer{plain("process"), false};
  }};
  serve(process, 1);
  auto x = client().ask("GET", "/s/svc/x?y");
  CAF_CHECK_EQUAL(x.body, "process");
  CAF_CHECK_EQUAL(busy.load(), 1u);
  CAF_CHECK(head.starts_with("GET /x?y "));
  auto is_internal = head.find("oppice-") != std::string::npos;
  CAF_CHECK(!is_internal);
  CAF_CHECK_EQUAL(sender, "127.0.0.1");
  await([&] { return what.in_flight->load() == 0; });
}

CAF_TEST(a process of another epoch is not asked directly) {
  scripted_server process{[](const raw_request&) {
    return raw_answer{plain("process"), false};
  }};
  serve(process, 2);
  CAF_CHECK_EQUAL(client().ask("GET", "/s/svc/").body, "listener");
  CAF_CHECK_EQUAL(what.in_flight->load(), 0u);
}

CAF_TEST(an exclusive process is not asked directly after its lease) {
  std::atomic<int64_t> now = 100;
  auto lease = std::make_shared<lease_end>(
    [&] { return std::chrono::nanoseconds{now}; });
  lease->set(std::chrono::nanoseconds{200});
  what.lease = lease;
  scripted_server process{[](const raw_request&) {
    return raw_answer{plain("process"), false};
  }};
  serve(process, 1);
  CAF_CHECK_EQUAL(client().ask("GET", "/s/svc/").body, "process");
  now = 200;
  CAF_CHECK_EQUAL(client().ask("GET", "/s/svc/").body, "listener");
}

CAF_TEST(what must not be sent twice goes over a connection of its own) {
  scripted_server process{[](const raw_request&) {
    return raw_answer{plain("process"), false};
  }};
  serve(process, 1);
  auto c = client();
  c.ask("GET", "/s/svc/");
  c.ask("GET", "/s/svc/");
  CAF_CHECK_EQUAL(process.connections(), 1u);
  c.ask("POST", "/s/svc/", "x");
  CAF_CHECK_EQUAL(process.connections(), 2u);
}

CAF_TEST(a process that ends with a request counts it no more) {
  scripted_server process{[](const raw_request&) {
    return raw_answer{{}, true};
  }};
  serve(process, 1);
  CAF_CHECK_EQUAL(client().ask("POST", "/s/svc/", "x").status, 502);
  await([&] { return what.in_flight->load() == 0; });
}

CAF_TEST_FIXTURE_SCOPE_END()

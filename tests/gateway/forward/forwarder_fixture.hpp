// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "gateway/forward/forwarder.hpp"
#include "gateway/http/server.hpp"
#include "tests/support/http_socket.hpp"
#include "tests/support/scripted_server.hpp"

#include <caf/test/unit_test.hpp>

#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace coppice::test {

/// A gateway's server that has nothing but services.
struct forwarder_fixture {
  forwarder_fixture() {
    spec.set_name("svc");
    spec.set_form(proto::PROCESS_SERVICE);
    spec.set_hold_ms(10'000);
  }

  void start() {
    forward = std::make_shared<forward::forwarder>(how);
    serve();
  }

  /// Starts the server of the forwarder.
  void serve() {
    http::server_options options;
    options.limits = limits;
    options.beside = forward;
    auto x = http::server::start(
      std::move(options), [this, to = forward.get()](auto request, auto reply) {
        if (request.target == "/counts") {
          counting->set_value(to->counts());
          reply->respond({204, {}, {}, {}});
          return;
        }
        to->serve(std::move(request), std::move(reply));
      });
    CAF_REQUIRE(x);
    server = std::move(x.value());
  }

  /// Places of the service from now on.
  void place(const std::vector<std::string>& addresses, uint64_t epoch = 1,
             proto::ServiceStatus status = proto::SERVICE_READY) {
    proto::ServicesReply reply;
    auto& row = *reply.add_services();
    *row.mutable_spec() = spec;
    for (auto& address : addresses) {
      auto& x = *row.add_places();
      x.set_instance(static_cast<uint32_t>(row.places_size() - 1));
      x.set_epoch(epoch);
      x.set_node("n1");
      x.set_address(address);
      x.set_status(status);
    }
    forward->set_routes(std::make_shared<forward::route_table>(reply));
  }

  void start(const std::string& address) {
    start();
    place({address});
  }

  http_socket client() {
    return http_socket{server->port()};
  }

  /// Asks with a connection of its own.
  std::future<http_answer>
  later(const std::string& method, const std::string& target,
        const std::string& body = {}, const std::string& headers = {}) {
    return std::async(std::launch::async, [=, this] {
      return client().ask(method, target, body, headers);
    });
  }

  /// Returns the numbers of the forwarder, from its thread.
  forward::forward_counts counts() {
    std::promise<forward::forward_counts> result;
    auto future = result.get_future();
    counting = &result;
    client().ask("GET", "/counts");
    return future.get();
  }

  template <class Predicate>
  void await(Predicate f) {
    auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    while (!f()) {
      CAF_REQUIRE(std::chrono::steady_clock::now() < deadline);
      std::this_thread::yield();
    }
  }

  proto::ServiceSpec spec;
  forward::forwarder_options how;
  http::server_limits limits;
  std::promise<forward::forward_counts>* counting = nullptr;
  std::shared_ptr<forward::forwarder> forward;
  std::unique_ptr<http::server> server;
};

} // namespace coppice::test

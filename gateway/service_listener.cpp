// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/service_listener.hpp"

#include "gateway/forward/service_desk.hpp"
#include "gateway/http/server.hpp"
#include "runtime/log.hpp"

#include <caf/send.hpp>

#include <unistd.h>

#include <chrono>
#include <string>
#include <utility>

namespace coppice {

namespace {

/// How long a request that has come may take while the node stops.
constexpr auto stop_grace = std::chrono::milliseconds{5'000};

/// Only gateways connect, and they have limits of their own: these are for the
/// worst.
http::server_limits limits_for_gateways() {
  http::server_limits x;
  x.header_bytes = 64 * 1024;
  x.body_bytes = 256 * 1024 * 1024;
  x.bodies_bytes = 512 * 1024 * 1024;
  x.connections = 10'000;
  // Longer than a gateway keeps a connection that nobody uses: it closes first.
  x.idle = std::chrono::milliseconds{120'000};
  // A gateway asks again elsewhere when a connection that waited is closed.
  x.last_request = std::chrono::milliseconds{0};
  return x;
}

/// Returns where others find this node if it listens on *x*.
host_port reachable(host_port x) {
  if (x.host != "0.0.0.0" && x.host != "::")
    return x;
  char host[256] = {};
  ::gethostname(host, sizeof(host) - 1);
  x.host = host;
  return x;
}

class service_listener : public node_part {
public:
  ~service_listener() override {
    stop();
  }

  result<> start(const node_config& config, const node_surroundings& here) {
    auto desk = std::make_shared<forward::service_desk>(here.services);
    auto where = config.service_address();
    http::server_options how;
    how.host = where.host;
    how.port = where.port;
    how.limits = limits_for_gateways();
    how.beside = desk;
    auto server = http::server::start(std::move(how), [desk](auto x, auto to) {
      desk->serve(std::move(x), std::move(to));
    });
    if (!server)
      return error{ec::system_failure,
                   config.where("worker.service_listen") + ": cannot listen on "
                     + to_string(where) + ": " + server.error().message};
    server_ = std::move(server.value());
    where.port = server_->port();
    log::info("node {} takes requests to services on {}", config.node.id,
              to_string(where));
    caf::anon_send(here.service_host, listener_address{reachable(where)});
    return ok();
  }

  void stop() override {
    if (server_)
      server_->stop(stop_grace);
    server_.reset();
  }

private:
  std::unique_ptr<http::server> server_;
};

} // namespace

result<std::unique_ptr<node_part>>
start_service_listener(const node_config& config, node_surroundings here) {
  auto x = std::make_unique<service_listener>();
  if (auto started = x->start(config, here); !started)
    return started.error();
  return std::unique_ptr<node_part>{std::move(x)};
}

} // namespace coppice

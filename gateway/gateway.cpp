// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/gateway.hpp"

#include "gateway/api/access.hpp"
#include "gateway/api/metrics.hpp"
#include "gateway/forward/forwarder.hpp"
#include "gateway/forward/head_rules.hpp"
#include "gateway/http/server.hpp"
#include "gateway/http_bridge.hpp"
#include "gateway/request_forwarder.hpp"
#include "runtime/log.hpp"
#include "storage/lmdb_held_store.hpp"

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <semaphore>
#include <string>
#include <utility>
#include <variant>

namespace coppice {

namespace {

/// How long a request that has come may take while the node stops: less than
/// `keeper.stop_timeout` by default, which is for all of the node.
constexpr auto stop_grace = std::chrono::milliseconds{5'000};

/// How long a gateway that starts waits for the cluster to say which tokens
/// there are.
constexpr auto tokens_patience = std::chrono::milliseconds{2'000};

http::server_limits limits_of(const node_config& config) {
  http::server_limits x;
  // Bytes are base64 in JSON, and one task may be as large as is allowed.
  x.body_bytes
    = std::max<uint64_t>(x.body_bytes, 2 * config.task.max_payload_bytes);
  x.connections = config.http.max_connections;
  return x;
}

using shared_book = std::atomic<std::shared_ptr<const api::token_book>>;

using shared_regenerations
  = std::atomic<std::shared_ptr<const proto::RegenerationsReply>>;

class gateway_part : public node_part {
public:
  explicit gateway_part(caf::actor_system& sys) : self_(sys) {}

  ~gateway_part() override {
    stop();
  }

  gateway_part(const gateway_part&) = delete;
  gateway_part& operator=(const gateway_part&) = delete;

  result<> start(const node_config& config, int socket,
                 node_surroundings here) {
    if (auto opened = open_forwarder(config.data.dir / "held", here.services);
        !opened)
      return opened;
    start_actors(config, here);
    // Without them all is refused. Who connects meanwhile waits: the socket is
    // open.
    known_->try_acquire_for(tokens_patience);
    node_ = config.node.id;
    http::server_options where;
    where.observe = [this](auto& x) { metrics_.add(x); };
    where.beside = forwarder_;
    where.host = config.http.listen.host;
    where.port = config.http.listen.port;
    where.socket = socket;
    where.limits = limits_of(config);
    auto server
      = http::server::start(std::move(where), [this](auto x, auto to) {
          serve(std::move(x), std::move(to));
        });
    if (!server)
      return error{ec::system_failure, config.where("http.listen")
                                         + ": cannot listen on "
                                         + to_string(config.http.listen) + ": "
                                         + server.error().message};
    server_ = std::move(server.value());
    serving_ = server_.get();
    if (!is_loopback(config.http.listen))
      log::warn("node {} serves HTTP to other machines, and it is not"
                " encrypted: put a proxy with TLS before {}",
                config.node.id, to_string(config.http.listen));
    log::info("node {} serves HTTP on {}", config.node.id,
              to_string({config.http.listen.host, server_->port()}));
    return ok();
  }

  void stop() override {
    // The bridge last: what has come needs it.
    if (server_)
      server_->stop(stop_grace);
    server_.reset();
    end(bridge_);
    end(routes_);
  }

private:
  /// Requests that are on disk are a promise: without them it does not start.
  result<> open_forwarder(const std::filesystem::path& dir,
                          std::shared_ptr<const local_services> local) {
    auto opened = lmdb_held_store::open(dir);
    if (!opened)
      return error{opened.error().code,
                   opened.error().message
                     + "; it has the requests that this gateway holds for"
                       " services with save = disk: move the folder away to"
                       " start without them"};
    auto& x = opened.value();
    if (x.found.damaged > 0)
      log::error("{} held requests in {} cannot be read and are set aside",
                 x.found.damaged, dir.string());
    forward::forwarder_options options;
    options.store = std::move(x.store);
    options.found = std::move(x.found);
    options.local = std::move(local);
    forwarder_ = std::make_shared<forward::forwarder>(std::move(options));
    return ok();
  }

  void start_actors(const node_config& config, const node_surroundings& here) {
    http_bridge_options options;
    options.cluster = here.cluster;
    options.on_tokens = [book = book_, known = known_](auto& x) {
      book->store(std::make_shared<const api::token_book>(x));
      known->release();
    };
    options.on_regenerations
      = [to = regenerated_](const proto::RegenerationsReply& x) {
          to->store(std::make_shared<const proto::RegenerationsReply>(x));
        };
    bridge_ = here.system.spawn(http_bridge, std::move(options));
    here.hang("http_bridge", caf::actor_cast<caf::actor>(bridge_));
    request_forwarder_options follow;
    follow.cluster = here.cluster;
    follow.file = config.data.dir / "routes";
    follow.publish = [to = forwarder_](forward::route_table_ptr x) {
      to->set_routes(std::move(x));
    };
    routes_
      = here.system.spawn<caf::detached>(request_forwarder, std::move(follow));
    here.hang("request_forwarder", caf::actor_cast<caf::actor>(routes_));
    self_->send(here.monitor, caf::actor_cast<node_listener>(routes_));
  }

  template <class Handle>
  void end(Handle& x) {
    if (!x)
      return;
    auto hdl = caf::actor_cast<caf::actor>(x);
    self_->send_exit(hdl, caf::exit_reason::user_shutdown);
    self_->wait_for(hdl);
    x = nullptr;
  }

  /// On the thread of the server.
  void serve(http::request x, http::exchange_ptr to) {
    auto known = book_->load();
    if (forward::is_service_target(x.target)) {
      forward_request(std::move(x), std::move(to), known.get());
      return;
    }
    auto routed = api::route_request(std::move(x), known.get(), now_ms());
    if (auto* refused = std::get_if<http::response>(&routed)) {
      to->respond(std::move(*refused));
      return;
    }
    auto& call = std::get<api::routed_call>(routed);
    auto answer = [&](http::response y) {
      y.operation = call.what->operation;
      to->respond(std::move(y));
    };
    auto& how = call.what->serve;
    if (auto* own = std::get_if<api::own_answer>(&how))
      answer(own->answer());
    else if (std::holds_alternative<api::metrics_answer>(how))
      answer(show_metrics());
    else
      caf::anon_send(bridge_, std::make_shared<api_call>(
                                api_call{std::move(call), std::move(to)}));
  }

  void forward_request(http::request x, http::exchange_ptr to,
                       const api::token_book* known) {
    auto refused = api::admit(x, known, now_ms(), proto::OPERATOR);
    if (refused) {
      refused->operation = forward::forward_operation;
      to->respond(std::move(*refused));
      return;
    }
    // It was for this gateway; without tokens it is the service's.
    if (!known->empty())
      std::erase_if(x.headers,
                    [](auto& y) { return y.first == "authorization"; });
    forwarder_->serve(std::move(x), std::move(to));
  }

  static int64_t now_ms() {
    using namespace std::chrono;
    auto now = system_clock::now().time_since_epoch();
    return duration_cast<milliseconds>(now).count();
  }

  http::response show_metrics() const {
    // Its thread may be faster than whoever started it.
    auto* server = serving_.load();
    auto regenerated = regenerated_->load();
    return {200,
            "text/plain; version=0.0.4; charset=utf-8",
            {},
            metrics_.render(
              node_, server ? server->counts() : http::server_counts{},
              forwarder_->counts(), api::look_at_process(), regenerated.get())};
  }

  caf::scoped_actor self_;
  std::string node_;
  /// Of the thread of the server.
  api::metrics_book metrics_;
  std::shared_ptr<forward::forwarder> forwarder_;
  /// Written by the bridge, read on the thread of the server. Empty until the
  /// cluster has answered; what it said last counts until it says more.
  std::shared_ptr<shared_book> book_ = std::make_shared<shared_book>();
  /// Released whenever tokens were heard of.
  std::shared_ptr<std::counting_semaphore<>> known_
    = std::make_shared<std::counting_semaphore<>>(0);
  /// The same, for what was regenerated.
  std::shared_ptr<shared_regenerations> regenerated_
    = std::make_shared<shared_regenerations>();
  http_bridge_impl bridge_;
  request_forwarder_impl routes_;
  std::unique_ptr<http::server> server_;
  std::atomic<const http::server*> serving_ = nullptr;
};

} // namespace

result<std::unique_ptr<node_part>>
start_gateway(const node_config& config, int socket, node_surroundings here) {
  auto x = std::make_unique<gateway_part>(here.system);
  if (auto started = x->start(config, socket, std::move(here)); !started)
    return started.error();
  return std::unique_ptr<node_part>{std::move(x)};
}

} // namespace coppice

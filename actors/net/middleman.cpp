// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/net/middleman.hpp"

#include "actors/messages.hpp"
#include "actors/net/frame_guard.hpp"
#include "actors/net/tcp_dial.hpp"

#include <caf/actor_cast.hpp>
#include <caf/io/basp_broker.hpp>
#include <caf/io/middleman.hpp>
#include <caf/io/middleman_actor_impl.hpp>
#include <caf/io/network/default_multiplexer.hpp>
#include <caf/io/network/doorman_impl.hpp>
#include <caf/io/network/scribe_impl.hpp>
#include <caf/make_counted.hpp>
#include <caf/scoped_actor.hpp>

#include <atomic>
#include <random>
#include <string>
#include <utility>
#include <vector>

// CAF names a node by hardware addresses and process id. Two containers can
// have both in common, and then each takes the other for itself. The linker
// takes this definition instead of libcaf_core's; it is in this file so that
// whoever calls `configure` gets it.
namespace caf::detail {

unsigned get_process_id();

unsigned get_process_id() {
  static const unsigned id = [] {
    std::random_device entropy;
    unsigned x = 0;
    while (x == 0)
      x = entropy();
    return x;
  }();
  return id;
}

} // namespace caf::detail

namespace coppice::net {

namespace {

/// How many messages an actor handles before another one has its turn.
constexpr size_t max_throughput = 300;

using caf::io::network::default_multiplexer;
using caf::io::network::native_socket;

/// Returns a name for a connection that none has had before.
caf::io::connection_handle next_handle() {
  // Beyond the descriptors, by which CAF names connections of its own.
  static std::atomic<int64_t> last{int64_t{1} << 32};
  return caf::io::connection_handle::from_int(++last);
}

/// A connection whose input is looked at before CAF acts on it.
///
/// CAF names a connection by its descriptor, and takes the name out of its
/// tables some time after the descriptor is closed. A new connection that has
/// the same one by then loses its entry: nothing that comes over it has a
/// sender any more, so none of its requests is answered, it sends no
/// heartbeats, and nobody is told of its end.
class guarded_scribe : public caf::io::network::scribe_impl {
public:
  guarded_scribe(default_multiplexer& mx, native_socket fd,
                 frame_guard::side side)
    : scribe_impl(mx, fd),
      guard_(side) {
    hdl_ = next_handle();
    msg().handle = hdl_;
  }

  bool consume(caf::execution_unit* ctx, const void* data,
               size_t size) override {
    // The broker closes a connection that sends what is no operation.
    if (!guard_.admit(static_cast<const char*>(data), size))
      rd_buf().front() = no_operation;
    return scribe_impl::consume(ctx, data, size);
  }

private:
  static constexpr char no_operation = '\x7f';

  frame_guard guard_;
};

/// A port whose connections are guarded.
class guarded_doorman : public caf::io::network::doorman_impl {
public:
  using doorman_impl::doorman_impl;

  bool new_connection() override {
    auto& mx = acceptor_.backend();
    auto connection = caf::make_counted<guarded_scribe>(
      mx, acceptor_.accepted_socket(), frame_guard::side::accepted);
    auto hdl = connection->hdl();
    parent()->add_scribe(std::move(connection));
    return doorman::new_connection(&mx, hdl);
  }
};

class middleman : public caf::io::middleman_actor_impl {
public:
  middleman(caf::actor_config& cfg, caf::actor broker,
            std::chrono::milliseconds deadline)
    : middleman_actor_impl(cfg, std::move(broker)),
      deadline_(deadline) {}

  const char* name() const override {
    return "middleman";
  }

protected:
  caf::expected<caf::io::scribe_ptr> connect(const std::string& host,
                                             uint16_t port) override {
    auto fd = tcp_dial(host, port, deadline_);
    if (!fd)
      return caf::make_error(caf::sec::cannot_connect_to_node,
                             fd.error().message);
    return caf::io::scribe_ptr{caf::make_counted<guarded_scribe>(
      multiplexer(), fd.value(), frame_guard::side::dialled)};
  }

  caf::expected<caf::io::doorman_ptr> open(uint16_t port, const char* address,
                                           bool reuse) override {
    auto fd = caf::io::network::new_tcp_acceptor_impl(port, address, reuse);
    if (!fd)
      return std::move(fd.error());
    return caf::io::doorman_ptr{
      caf::make_counted<guarded_doorman>(multiplexer(), *fd)};
  }

private:
  /// CAF has no other one, but for its own tests.
  default_multiplexer& multiplexer() {
    return static_cast<default_multiplexer&>(system().middleman().backend());
  }

  std::chrono::milliseconds deadline_;
};

} // namespace

void configure(caf::actor_system_config& cfg, liveness x) {
  cfg.set("middleman.heartbeat-interval", caf::timespan{x.heartbeat})
    .set("middleman.connection-timeout", caf::timespan{x.timeout})
    .set("middleman.app-identifiers", std::vector<std::string>{app_identifier})
    .set("scheduler.max-throughput", max_throughput);
}

caf::io::middleman_actor spawn_middleman(caf::actor_system& sys,
                                         std::chrono::milliseconds deadline) {
  auto broker
    = sys.middleman().named_broker<caf::io::basp_broker>(caf::atom("BASP"));
  auto hdl
    = sys.spawn<middleman, caf::detached + caf::hidden>(broker, deadline);
  return caf::actor_cast<caf::io::middleman_actor>(hdl);
}

caf::expected<uint16_t> publish(caf::actor_system& sys,
                                caf::strong_actor_ptr whom,
                                std::set<std::string> interface,
                                const std::string& host, uint16_t port) {
  // It opens the port and nothing else: there is nothing to dial.
  auto opener = spawn_middleman(sys, std::chrono::milliseconds{0});
  caf::expected<uint16_t> result = caf::error{};
  caf::scoped_actor self{sys};
  self
    ->request(opener, caf::infinite, caf::publish_atom::value, port,
              std::move(whom), std::move(interface), host, true)
    .receive([&](uint16_t x) { result = x; },
             [&](caf::error& err) { result = std::move(err); });
  self->send_exit(opener, caf::exit_reason::kill);
  return result;
}

} // namespace coppice::net

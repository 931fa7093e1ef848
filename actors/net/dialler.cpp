// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/net/dialler.hpp"

#include "actors/messages.hpp"
#include "actors/net/tcp_dial.hpp"

#include <caf/actor_cast.hpp>
#include <caf/io/basp_broker.hpp>
#include <caf/io/middleman.hpp>
#include <caf/io/middleman_actor_impl.hpp>
#include <caf/io/network/default_multiplexer.hpp>
#include <caf/io/scribe.hpp>

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

class dialler : public caf::io::middleman_actor_impl {
public:
  dialler(caf::actor_config& cfg, caf::actor broker,
          std::chrono::milliseconds deadline)
    : middleman_actor_impl(cfg, std::move(broker)),
      deadline_(deadline) {}

  const char* name() const override {
    return "dialler";
  }

protected:
  caf::expected<caf::io::scribe_ptr> connect(const std::string& host,
                                             uint16_t port) override {
    auto fd = tcp_dial(host, port, deadline_);
    if (!fd)
      return caf::make_error(caf::sec::cannot_connect_to_node,
                             fd.error().message);
    return system().middleman().backend().new_scribe(fd.value());
  }

private:
  std::chrono::milliseconds deadline_;
};

} // namespace

void configure(caf::actor_system_config& cfg, liveness x) {
  cfg.set("middleman.heartbeat-interval", caf::timespan{x.heartbeat})
    .set("middleman.connection-timeout", caf::timespan{x.timeout})
    .set("middleman.app-identifiers", std::vector<std::string>{app_identifier})
    .set("scheduler.max-throughput", max_throughput);
}

caf::io::middleman_actor spawn_dialler(caf::actor_system& sys,
                                       std::chrono::milliseconds deadline) {
  auto broker
    = sys.middleman().named_broker<caf::io::basp_broker>(caf::atom("BASP"));
  auto hdl = sys.spawn<dialler, caf::detached + caf::hidden>(broker, deadline);
  return caf::actor_cast<caf::io::middleman_actor>(hdl);
}

} // namespace coppice::net

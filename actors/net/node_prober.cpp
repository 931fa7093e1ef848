// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/net/node_prober.hpp"

#include "config/values.hpp"

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>

#include <chrono>
#include <utility>

namespace coppice::net {

namespace {

constexpr auto patience = std::chrono::milliseconds{500};

void dial(caf::event_based_actor*, const std::string& address,
          const std::function<void(probe_result)>& f) {
  auto where = parse_host_port(address);
  f(where ? tcp_probe(where.value().host, where.value().port, patience)
          : probe_result::unreachable);
}

} // namespace

node_prober thread_prober(caf::actor_system& sys) {
  return
    [&sys](const std::string& address, std::function<void(probe_result)> f) {
      sys.spawn<caf::detached>(dial, address, std::move(f));
    };
}

} // namespace coppice::net

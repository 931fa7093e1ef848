// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/io/middleman_actor.hpp>

#include <chrono>
#include <cstdint>
#include <set>
#include <string>

/// Where CAF 0.17's networking needs help.
namespace coppice::net {

/// How two ends of a connection notice that the other one is gone. The same on
/// all nodes: CAF judges the peer's heartbeats by its own limits.
struct liveness {
  std::chrono::milliseconds heartbeat{500};
  std::chrono::milliseconds timeout{3'000};
};

/// Sets what each process that speaks to nodes needs: heartbeats, the version
/// of the protocol, and that one connection cannot starve the others.
void configure(caf::actor_system_config& cfg, liveness x);

/// Starts a middleman that gives up dialling after *deadline*, and whose
/// connections bear garbage and are not mistaken for each other.
///
/// CAF's own one dials in a blocking way, minutes long if nothing answers, and
/// serves nobody meanwhile; a single bad header stalls or ends its process, see
/// `frame_guard`; what is left to do about a connection that has ended may hit
/// the next one. This one shares its connections; end it with
/// `caf::exit_reason::kill`, before the actor system dies.
/// @pre The module `caf::io::middleman` is loaded.
caf::io::middleman_actor spawn_middleman(caf::actor_system& sys,
                                         std::chrono::milliseconds deadline);

/// Opens a port for *whom*, who has *interface*, as
/// `caf::io::middleman::publish` does, but with connections as those of
/// `spawn_middleman`.
/// @returns the port: that of *where*, or a free one if that is 0.
caf::expected<uint16_t> publish(caf::actor_system& sys,
                                caf::strong_actor_ptr whom,
                                std::set<std::string> interface,
                                const std::string& host, uint16_t port);

} // namespace coppice::net

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/io/middleman_actor.hpp>

#include <chrono>

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

/// Starts a middleman that gives up dialling after *deadline*.
///
/// CAF's own one dials in a blocking way, minutes long if nothing answers, and
/// serves nobody meanwhile. This one shares its connections and is for
/// `connect_atom` only; end it with `caf::exit_reason::kill`, before the actor
/// system dies.
/// @pre The module `caf::io::middleman` is loaded.
caf::io::middleman_actor spawn_dialler(caf::actor_system& sys,
                                       std::chrono::milliseconds deadline);

} // namespace coppice::net

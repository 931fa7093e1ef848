// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/node.hpp"
#include "config/node_config.hpp"
#include "runtime/error.hpp"
#include "runtime/service/local_services.hpp"

#include <functional>
#include <memory>

namespace coppice {

/// What the listener of a node is told when it starts.
struct service_listener_options {
  /// What runs on this node.
  std::shared_ptr<local_services> services;
  /// Told once, before anything is served, where it listens.
  std::function<void(const host_port&)> announce;
};

/// Starts the part of a node that takes the requests to its services from
/// gateways, on `worker.service_listen`.
/// @returns `system_failure` if it cannot listen, with the option to blame.
result<std::unique_ptr<node_part>>
start_service_listener(const node_config& config,
                       service_listener_options options);

} // namespace coppice

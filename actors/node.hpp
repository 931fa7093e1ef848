// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/cluster_link.hpp"
#include "actors/node_code.hpp"
#include "actors/services/service_host.hpp"
#include "actors/worker_link.hpp"
#include "config/node_config.hpp"
#include "runtime/error.hpp"
#include "runtime/service/local_services.hpp"

#include <caf/actor.hpp>
#include <caf/fwd.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace coppice {

/// A part of a node that a higher floor brings along.
class node_part {
public:
  virtual ~node_part() = default;

  /// Finishes what it has begun, and ends. Blocks, for a bounded time.
  virtual void stop() = 0;
};

/// What such a part finds when it starts.
struct node_surroundings {
  caf::actor_system& system;
  /// To be called with each actor of the part, and what it is called: if one
  /// ends while the node runs, the node ends. Only while the part starts.
  std::function<void(const std::string&, const caf::actor&)> hang;
  /// Has requests answered by the cluster.
  cluster_link_actor cluster{};
  /// What runs here, and who runs it; nothing if this node runs no services.
  std::shared_ptr<local_services> services{};
  service_host_actor service_host{};
  /// Knows which nodes are healthy.
  local_state_monitor_actor monitor{};
};

/// Starts a part.
/// @returns why the node cannot run with this configuration.
using node_part_maker
  = std::function<result<std::unique_ptr<node_part>>(node_surroundings)>;

/// What the node process is given by its keeper.
struct node_start {
  /// Number of this start; higher than those before it.
  uint64_t incarnation = 0;
  /// Socket to the launcher, which starts commands for this process; -1 if
  /// there is none, then the kind `exec` is not offered.
  int launcher_fd = -1;
  /// Called once the node serves, with the port it listens on.
  std::function<void(uint16_t)> ready;
  /// Started after all other parts but the worker, and stopped first.
  std::vector<node_part_maker> parts{};
};

/// Runs a node in this process until SIGTERM, until it is cut back, or until a
/// part of it gives up. Then the process ends with a code of `node_exit`.
/// @param config As `load` checked it.
/// @returns A code of `node_exit` if the node could not be started.
int run_node(const node_config& config, node_start start, node_code code);

} // namespace coppice

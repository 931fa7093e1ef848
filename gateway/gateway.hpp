// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/node.hpp"
#include "config/node_config.hpp"
#include "runtime/error.hpp"

#include <memory>

namespace coppice {

/// Starts the part of a node with the role `gateway`: the HTTP server and
/// HTTP_BRIDGE.
/// @param socket Listens for clients already; it is taken over. -1: none, the
///               gateway listens where the configuration says.
/// @returns `system_failure` if it cannot listen, with the option to blame.
result<std::unique_ptr<node_part>>
start_gateway(const node_config& config, int socket, node_surroundings here);

} // namespace coppice

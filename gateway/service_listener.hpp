// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/node.hpp"
#include "config/node_config.hpp"
#include "runtime/error.hpp"

#include <memory>

namespace coppice {

/// Starts the part of a node that takes the requests to its services from
/// gateways, on `worker.service_listen`, and tells SERVICE_HOST where that is.
/// @returns `system_failure` if it cannot listen, with the option to blame.
result<std::unique_ptr<node_part>>
start_service_listener(const node_config& config, node_surroundings here);

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/net/tcp_dial.hpp"

#include <caf/fwd.hpp>

#include <functional>
#include <string>

namespace coppice::net {

/// Tries to connect to *address*, HOST:PORT, elsewhere, and calls *f* with what
/// came of it, once, from any thread.
using node_prober = std::function<void(const std::string& address,
                                       std::function<void(probe_result)> f)>;

/// Returns what dials in a thread of its own each time, for half a second at
/// most.
node_prober thread_prober(caf::actor_system& sys);

} // namespace coppice::net

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/error.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace coppice::net {

/// Connects to *host* and waits for it no longer than *deadline*, all addresses
/// of the host together. A name is resolved by the system's rules, which that
/// does not bound.
/// @returns The descriptor of a socket, or `ec::unreachable`.
result<int> tcp_dial(const std::string& host, uint16_t port,
                     std::chrono::milliseconds deadline);

/// What an attempt to connect says of who should listen there.
enum class probe_result : uint8_t {
  /// Somebody accepts connections, or at least the kernel does for him.
  reached,
  /// The machine is there, and nobody listens.
  refused,
  /// Nothing answers, or the address makes no sense.
  unreachable,
};

/// Connects to *host* as `tcp_dial` does, and hangs up.
probe_result tcp_probe(const std::string& host, uint16_t port,
                       std::chrono::milliseconds deadline);

} // namespace coppice::net

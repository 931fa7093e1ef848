// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/error.hpp"

#include <chrono>
#include <cstdint>
#include <string>

// Asks processes on this machine. Blocks, for a bounded time.

namespace coppice {

/// A request to a process on 127.0.0.1.
struct local_http_request {
  uint16_t port = 0;
  /// "GET" or "PUT".
  std::string method;
  std::string path;
  std::string body{};
  /// For all of it.
  std::chrono::milliseconds patience{30'000};
  /// Of the answer.
  uint64_t most_bytes = uint64_t{256} << 20;
};

/// Returns the body of an answer of 200 to 299.
/// @returns `system_failure` with what happened instead.
result<std::string> ask_local(const local_http_request& x);

} // namespace coppice

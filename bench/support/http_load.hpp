// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace coppice::bench {

/// Clients on this machine that ask the same again and again, each over one
/// connection that is kept, and each as soon as it has its answer.
struct http_load {
  uint16_t port = 0;
  /// As it is sent, with the empty line; without a body.
  std::string request;
  /// What every answer has to bring, with the status 200 and a Content-Length.
  std::string body;
  size_t connections = 1;
  /// Not measured: connections are made, here and behind.
  std::chrono::milliseconds warm_up{300};
  std::chrono::milliseconds span{1'000};
};

/// What came of it.
struct http_figures {
  double per_second = 0;
  /// From the request to the last byte of its answer, in microseconds.
  double p50_us = 0;
  double p99_us = 0;
  uint64_t answers = 0;
  /// Connections that were lost or could not be made, and answers that were
  /// wrong or did not come; these of the warm-up, too.
  uint64_t errors = 0;
  /// The first of them, for people.
  std::string first_error;
};

/// Puts *x* on a server, from one thread: this one.
/// @relates http_load
http_figures run_http_load(const http_load& x);

} // namespace coppice::bench

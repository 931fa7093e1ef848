// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace coppice::bench {

/// Clients on this machine that add to a counter by a timetable, each over one
/// connection, which it makes anew when it is lost. Who was kept waiting sends
/// what was due meanwhile at once, so no pause of the server thins the load.
struct paced_load {
  uint16_t port = 0;
  /// What is posted to, with an `Idempotency-Key` of its own each time.
  std::string path;
  size_t clients = 32;
  /// All clients together.
  double per_second = 100;
  std::chrono::milliseconds span{1'000};
};

/// What came of it. No request is sent twice by a client.
struct paced_figures {
  size_t sent = 0;
  /// Additions that were answered with the status 200.
  size_t answered = 0;
  /// From the moment at which it was due to its answer, or its failure.
  std::vector<double> took_ms;
  /// How the first request failed, if one did.
  std::string first_failure;
};

/// Puts *x* on a server, and returns when all requests are answered or have
/// failed.
/// @relates paced_load
paced_figures run_paced_load(const paced_load& x);

} // namespace coppice::bench

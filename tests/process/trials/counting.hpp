// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "tests/support/http_socket.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

// Clients that count with a native service, and who judges whether they were
// served well: the class `counter`, and others that take POST /add?by=1.

namespace coppice::trial {

using trial_clock = std::chrono::steady_clock;

/// One addition, until it was answered.
struct addition {
  uint64_t answer = 0;
  trial_clock::time_point begun{};
  std::chrono::duration<double> took{0};
  uint32_t tries = 0;
};

/// One try that was not answered as it should be, and followed by another one.
struct setback {
  trial_clock::time_point begun{};
  trial_clock::time_point ended{};
  std::string what;
};

/// What clients have to say.
struct testimony {
  std::vector<addition> done;
  std::vector<setback> setbacks;
  /// Answers that were neither a success nor a reason to ask again.
  std::vector<std::string> faults;
};

/// How clients count.
struct counting_options {
  uint16_t port = 0;
  std::string service = "counter";
  size_t clients = 8;
  /// Between an answer and the next request of a client.
  std::chrono::milliseconds pause{0};
};

/// Clients that add 1 to a service through a gateway, each in a thread of its
/// own, each addition with an id of its own; what is not answered is repeated
/// with the same id until it is.
class counting_clients {
public:
  /// Begins.
  explicit counting_clients(counting_options options);

  ~counting_clients();

  counting_clients(const counting_clients&) = delete;

  counting_clients& operator=(const counting_clients&) = delete;

  /// Ends when what is under way is answered.
  testimony stop();

private:
  class one;

  std::atomic<bool> over_ = false;
  std::vector<std::unique_ptr<one>> all_;
  std::vector<std::thread> threads_;
};

/// Returns what a service says that it has counted, if it answers.
std::optional<uint64_t> counted(uint16_t port,
                                const std::string& service = "counter");

/// Holds what clients were told against what the service says.
/// @param value What it has counted at the end.
/// @returns What is wrong.
std::vector<std::string> judge(const testimony& said,
                               std::optional<uint64_t> value);

/// Returns the smallest of *xs* below which *share* of them are; 0 of none.
double quantile(std::vector<double> xs, double share);

/// Returns how long each addition took, in milliseconds.
std::vector<double> times_of(const std::vector<addition>& xs);

/// Prints which of *xs* took longest and when they were asked for, at most
/// *most* of those that took longer than *limit_ms*: to be held against the
/// logs of the nodes.
void print_slow(const std::vector<addition>& xs, double limit_ms,
                size_t most = 10);

} // namespace coppice::trial

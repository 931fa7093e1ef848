// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "apps/client.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

// What the benchmarks with whole processes have a cluster do, and how they sum
// it up.

namespace coppice::bench {

using clock_type = std::chrono::steady_clock;

double seconds_since(clock_type::time_point x);

/// @param p From 0 to 1.
double percentile(std::vector<double> xs, double p);

double median(std::vector<double> xs);

/// Makes new temporary folders appear in *where*.
/// @throws std::runtime_error if that is no real disk: what is durable there
///         says nothing.
void use_disk(const std::filesystem::path& where);

/// Returns how many synchronous commits of one 100-byte value LMDB does per
/// second in *dir*.
double lmdb_commits(const std::filesystem::path& dir,
                    std::chrono::milliseconds span);

/// A stream of `noop` tasks of about 100 bytes.
struct load {
  int tasks = 0;
  /// Submits take turns among them.
  std::vector<std::string> products{"default"};
  /// Rules that a worker has to meet.
  std::vector<std::string> labels;
  /// Tasks per submit.
  int batch = 100;
  /// Submits that wait for an answer at the same time.
  size_t outstanding = 8;
};

struct throughput {
  double tasks_per_second = 0;
  std::vector<double> submit_ms;
};

/// Submits, and waits until all is acknowledged.
throughput submit_all(client& c, const load& x);

/// Submits, and waits until all has succeeded.
throughput run_all(client& c, const load& x);

/// Counts the tasks of a product that succeeded, page by page.
uint64_t count_succeeded(client& c, const std::string& product);

/// Returns the milliseconds from a submit to the line that the task writes
/// first.
/// @param journal A file for these lines.
double start_latency(client& c, const std::string& product,
                     const std::filesystem::path& journal);

} // namespace coppice::bench

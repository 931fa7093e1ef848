// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace coppice::trial {

/// What a trial of tasks is to be like.
struct trial_options {
  int managers = 1;
  /// 0: two if there are several managers, else one.
  int workers = 0;
  int shards = 1;
  int tasks = 1'200;
  int kills = 6;
  int freezes = 1;
  /// Times that a manager loses its data; with several managers.
  int losses = 0;
  /// Times that somebody is cut off from others.
  int partitions = 0;
  /// What is given to workers is theirs for that long without a sign of life.
  std::chrono::milliseconds lease{2'000};
  /// Between the end of one fault and the next one.
  std::chrono::milliseconds pause{1'000};
  uint32_t seed = std::random_device{}();
};

/// Reads `--managers 3 --kills 8 ...`.
/// @throws std::invalid_argument if there is something else.
trial_options parse(const std::vector<std::string>& args);

/// Returns the line that says what *x* is like.
std::string describe(const trial_options& x);

} // namespace coppice::trial

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace coppice::test {

/// Returns whether a test replays the one seed in the environment variable
/// `COPPICE_SEED`: what holds for many seeds need not hold for it.
inline bool replays() {
  return std::getenv("COPPICE_SEED") != nullptr;
}

/// Returns *n* seeds for a random test: 1 to n - 1 and a fresh one, or only the
/// one in the environment variable `COPPICE_SEED`, to replay a failure.
inline std::vector<uint32_t> seeds(uint32_t n) {
  if (auto* text = std::getenv("COPPICE_SEED"))
    return {static_cast<uint32_t>(std::stoul(text))};
  std::vector<uint32_t> result;
  for (uint32_t i = 1; i < n; ++i)
    result.push_back(i);
  result.push_back(std::random_device{}());
  return result;
}

} // namespace coppice::test

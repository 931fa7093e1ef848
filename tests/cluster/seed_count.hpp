// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

namespace coppice::test {

/// Returns how many seeds a test runs: *n*, a twentieth under a sanitizer, or
/// what the environment variable `COPPICE_SEEDS` says.
inline uint32_t seed_count(uint32_t n) {
  if (auto* text = std::getenv("COPPICE_SEEDS"))
    return static_cast<uint32_t>(std::stoul(text));
#if defined(COPPICE_SANITIZE_ADDRESS) || defined(COPPICE_SANITIZE_THREAD)
  return n / 20 + 1;
#else
  return n;
#endif
}

} // namespace coppice::test

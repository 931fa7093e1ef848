// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/idempotency_key.hpp"

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <random>

namespace coppice {

std::string make_idempotency_key() {
  static const auto prefix = [] {
    std::random_device device;
    return (uint64_t{device()} << 32) | device();
  }();
  static std::atomic<uint64_t> counter{0};
  char buffer[40];
  // As wide for small numbers as for large ones: rows that come in the order of
  // their keys fill the pages of a table, others leave half of each empty.
  std::snprintf(buffer, sizeof(buffer), "%016llx-%010llu",
                static_cast<unsigned long long>(prefix),
                static_cast<unsigned long long>(++counter));
  return buffer;
}

} // namespace coppice

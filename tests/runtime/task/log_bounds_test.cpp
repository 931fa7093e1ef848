// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/log_bounds.hpp"

#include <caf/test/unit_test.hpp>

#include <chrono>
#include <cstdint>
#include <vector>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

constexpr int64_t now = 1'000'000;

kept_log make(uint64_t sequence, uint64_t bytes, int64_t age) {
  return {{{1, 1, sequence}, 1}, bytes, now - age};
}

/// Returns the sequence numbers of what is to go.
std::vector<uint64_t> gone(std::vector<kept_log> xs, log_bounds bounds) {
  std::vector<uint64_t> result;
  for (auto& x : beyond_bounds(std::move(xs), bounds, now))
    result.push_back(x.key.task.sequence);
  return result;
}

using numbers = std::vector<uint64_t>;

} // namespace

CAF_TEST(what is too old goes) {
  log_bounds bounds{100ms, 1'000};
  CAF_CHECK(gone({}, bounds).empty());
  CAF_CHECK(gone({make(3, 1, 102), make(1, 1, 100), make(2, 1, 101)}, bounds)
            == (numbers{3, 2}));
}

CAF_TEST(what is too much goes and the oldest first) {
  log_bounds bounds{1h, 10};
  CAF_CHECK(gone({make(1, 5, 1), make(2, 5, 2)}, bounds).empty());
  CAF_CHECK(gone({make(1, 5, 1), make(2, 5, 2), make(3, 1, 3)}, bounds)
            == (numbers{3}));
  // A small one that is older than a large one goes before it.
  CAF_CHECK(gone({make(1, 5, 1), make(2, 50, 2), make(3, 1, 3)}, bounds)
            == (numbers{3, 2}));
}

CAF_TEST(the latest stays whatever its size) {
  log_bounds bounds{1h, 10};
  CAF_CHECK(gone({make(1, 50, 1), make(2, 5, 2)}, bounds) == (numbers{2}));
  CAF_CHECK(gone({make(1, 50, 1)}, log_bounds{0ms, 10}) == (numbers{1}));
}

CAF_TEST(a clock that went back makes nothing old) {
  CAF_CHECK(gone({make(1, 5, -500)}, log_bounds{100ms, 10}).empty());
}

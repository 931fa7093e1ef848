// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace coppice {

/// How many requests a process has, and how long it takes for its answers. Any
/// thread may add, one takes.
class answer_meter {
public:
  using duration = std::chrono::steady_clock::duration;

  /// What was added in a while.
  struct summary {
    uint64_t count = 0;
    /// To a fifth of it.
    double median_ms = 0;
  };

  /// Notes a request, whether its answer is added or not.
  void begin() noexcept {
    ++begun_;
  }

  /// Adds an answer.
  void add(duration took) noexcept {
    ++counts_[index_of(took)];
    ++count_;
  }

  /// Returns how many requests there ever were.
  uint64_t begun() const noexcept {
    return begun_;
  }

  /// Returns how many answers there are that nobody took.
  uint64_t count() const noexcept {
    return count_;
  }

  /// Takes all that there are.
  summary take() noexcept {
    std::array<uint64_t, size> taken{};
    summary out;
    for (size_t i = 0; i < size; ++i)
      out.count += taken[i] = counts_[i].exchange(0);
    count_ -= out.count;
    uint64_t seen = 0;
    for (size_t i = 0; i < size && out.median_ms == 0; ++i) {
      seen += taken[i];
      if (2 * seen >= out.count && out.count > 0)
        out.median_ms
          = least_ms * std::exp2((static_cast<double>(i) + 0.5) / per_octave);
    }
    return out;
  }

private:
  /// From 50 us to three quarters of an hour.
  static constexpr size_t size = 104;

  static constexpr double per_octave = 4;

  static constexpr double least_ms = 0.05;

  static size_t index_of(duration took) noexcept {
    auto ms = std::chrono::duration<double, std::milli>{took}.count();
    if (ms <= least_ms)
      return 0;
    auto i = static_cast<size_t>(per_octave * std::log2(ms / least_ms));
    return std::min(i, size - 1);
  }

  std::array<std::atomic<uint64_t>, size> counts_{};

  std::atomic<uint64_t> count_ = 0;

  std::atomic<uint64_t> begun_ = 0;
};

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace coppice::forward {

/// What a service allows to be held.
struct hold_limits {
  size_t requests = 0;
  uint64_t bytes = 0;
};

/// The requests to one service that wait, by their numbers: the lower came
/// first. Pure: times are told.
class hold_book {
public:
  using time = std::chrono::steady_clock::time_point;

  /// Takes a new request, unless that is more than *limits* allow.
  bool add(uint64_t number, uint64_t bytes, time deadline,
           const hold_limits& limits);

  /// Takes back a request that was delivered in vain: it was let in before.
  void put_back(uint64_t number, uint64_t bytes, time deadline);

  /// Takes out a request. Unknown ones are nothing.
  void remove(uint64_t number);

  /// Returns who came first.
  std::optional<uint64_t> oldest() const;

  /// Returns who has waited long enough.
  std::vector<uint64_t> expired(time now) const;

  /// Returns all, in their order.
  std::vector<uint64_t> all() const;

  size_t size() const noexcept {
    return held_.size();
  }

  uint64_t bytes() const noexcept {
    return bytes_;
  }

private:
  struct entry {
    uint64_t bytes = 0;
    time deadline;
  };

  std::map<uint64_t, entry> held_;

  uint64_t bytes_ = 0;
};

} // namespace coppice::forward

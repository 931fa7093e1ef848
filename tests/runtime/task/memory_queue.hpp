// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/task/dispatcher.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace coppice::test {

/// A queue in memory that counts how often it is read.
class memory_queue : public queue_reader {
public:
  using pair = std::pair<uint32_t, uint32_t>;

  std::optional<queue_position>
  first_after(uint32_t product, uint32_t task_class,
              const std::optional<queue_position>& after) override {
    ++reads;
    auto i = waiting.find({product, task_class});
    if (i == waiting.end())
      return std::nullopt;
    auto j = after ? i->second.upper_bound(*after) : i->second.begin();
    return j == i->second.end() ? std::nullopt : std::optional{*j};
  }

  /// Waiting tasks by product and class.
  std::map<pair, std::set<queue_position>> waiting;

  size_t reads = 0;
};

} // namespace coppice::test

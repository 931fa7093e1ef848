// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/regeneration.pb.h"
#include "runtime/health/ageing/growth.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>

namespace coppice {

/// What was measured of a process at one moment.
struct vital_measure {
  /// See proto::Vital.
  std::string name;
  std::string unit;
  double value = 0;
  /// Where it runs out; 0: nowhere, then it is only shown.
  double limit = 0;
  /// See ageing_sample.
  double load = 0;
};

/// When something is worn.
struct ageing_limits {
  growth_limits growth;
  /// The share of a limit at which it counts as reached ...
  double full = 0.95;
  /// ... if it was at so many measurements in a row.
  uint32_t lasts = 5;
};

/// Watches one process for wear: growth that ends at a limit, and limits that
/// are reached. Pure: the measurements bring their time along.
class ageing_watch {
public:
  using seconds = growth_limits::seconds;

  explicit ageing_watch(const ageing_limits& limits = {}) : limits_(limits) {
    // nop
  }

  /// Takes what was measured.
  /// @param at Since the process began; never goes back.
  void add(seconds at, std::span<const vital_measure> xs);

  /// Appends what was measured last, and what of it is worn.
  void describe(google::protobuf::RepeatedPtrField<proto::Vital>& out) const;

private:
  struct series {
    explicit series(const growth_limits& limits) : finder(limits) {
      // nop
    }

    vital_measure last;
    growth_finder finder;
    std::optional<growth> wear;
    /// How many measurements in a row were at the limit.
    uint32_t full = 0;
  };

  ageing_limits limits_;

  /// By name.
  std::map<std::string, series, std::less<>> all_;
};

} // namespace coppice

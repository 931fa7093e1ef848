// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/api.pb.h"
#include "runtime/health/ageing/ageing_watch.hpp"
#include "runtime/service/local_services.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>

namespace coppice {

/// Measures a node and the processes of its services, and watches them for
/// wear. Not for several threads at once.
class node_vitals {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// @param memory_limit Of the node; 0: that of the machine, or of its control
  ///                     group.
  /// @param services What runs here; null: nothing.
  node_vitals(const ageing_limits& limits, uint64_t memory_limit,
              std::shared_ptr<const local_services> services);

  /// Measures everything, and appends it to *out*.
  void measure(proto::VitalsRequest& out);

private:
  struct watched {
    uint64_t epoch = 0;
    time_point began;
    ageing_watch watch;
  };

  void measure_self(proto::VitalsRequest& out, time_point now);

  void measure_services(proto::VitalsRequest& out, time_point now);

  ageing_limits limits_;

  uint64_t memory_limit_;

  std::shared_ptr<const local_services> services_;

  time_point began_;

  ageing_watch self_;

  std::map<service_instance, watched> instances_;
};

} // namespace coppice

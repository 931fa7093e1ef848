// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/process_meter.hpp"
#include "config/node_config.hpp"
#include "proto/api.pb.h"
#include "runtime/health/ageing/ageing_watch.hpp"
#include "runtime/health/ageing/latency_watch.hpp"
#include "runtime/service/local_services.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>

namespace coppice {

/// When nodes and processes are worn.
struct vital_limits {
  ageing_limits sizes;
  /// Of the processes of services.
  latency_limits latency;
  /// Of the memory of the node; 0: that of the machine, or of its control
  /// group.
  uint64_t memory = 0;
};

/// Returns what *x* says.
vital_limits vital_limits_of(const node_config::ageing_section& x);

/// Measures a node and the processes of its services, and watches them for
/// wear. Not for several threads at once.
class node_vitals {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// @param services What runs here; null: nothing.
  node_vitals(const vital_limits& limits,
              std::shared_ptr<const local_services> services);

  /// Measures everything, and appends it to *out*.
  void measure(proto::VitalsRequest& out);

private:
  struct watched {
    uint64_t epoch = 0;
    time_point began;
    ageing_watch sizes;
    latency_watch latency;
    /// When it was measured last, and how many requests it had had by then.
    time_point measured;
    uint64_t requests = 0;
  };

  void measure_self(proto::VitalsRequest& out, time_point now);

  void measure_services(proto::VitalsRequest& out, time_point now);

  void watch_process(watched& x, const local_service& service,
                     const process_sizes& sizes, time_point now) const;

  vital_limits limits_;

  std::shared_ptr<const local_services> services_;

  time_point began_;

  ageing_watch self_;

  std::map<service_instance, watched> instances_;
};

} // namespace coppice

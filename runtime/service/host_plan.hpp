// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/api.pb.h"
#include "runtime/service/local_services.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace coppice {

/// An instance that a node has, or has had until it said so.
struct hosted_instance {
  uint64_t epoch = 0;
  /// It was told to leave.
  bool leaving = false;
  /// It was told to end at once.
  bool ending = false;
  /// It has stopped, or failed: nothing keeps its next epoch from beginning.
  bool over = false;
};

/// What a node has to do to have what the cluster placed on it.
struct host_plan {
  struct placed {
    const proto::ServiceRow* row = nullptr;
    const proto::ServicePlace* place = nullptr;
  };

  std::vector<placed> start;
  /// To be told to leave.
  std::vector<service_instance> leave;
  /// To be ended at once: another epoch of it is somewhere else by now.
  std::vector<service_instance> end;
  /// Over, and the cluster knows it.
  std::vector<service_instance> forget;
};

/// Holds what a node has against the rows that the cluster told it.
/// @param rows Must outlive the plan.
/// @param node This start of this node.
host_plan plan_host(const proto::ServicesReply& rows, const std::string& node,
                    uint64_t incarnation,
                    const std::map<service_instance, hosted_instance>& has);

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/service/native_service.hpp"
#include "runtime/task/task_context.hpp"

#include <vector>

namespace coppice {

/// What a program brings along for its nodes, beside what is built in.
struct node_code {
  /// The functions that a worker runs.
  std::vector<task_kind> kinds{};
  /// The classes of native services.
  service_classes services{};
};

} // namespace coppice

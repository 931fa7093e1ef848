// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/task_state.hpp"

namespace coppice {

bool has_ended(proto::TaskState x) noexcept {
  switch (x) {
    case proto::SUCCEEDED:
    case proto::FAILED:
    case proto::CANCELLED:
    case proto::TIMED_OUT:
      return true;
    default:
      return false;
  }
}

const char* state_name(proto::TaskState x) noexcept {
  switch (x) {
    case proto::WAITING:
      return "waiting";
    case proto::LEASED:
      return "leased";
    case proto::RUNNING:
      return "running";
    case proto::SUCCEEDED:
      return "succeeded";
    case proto::FAILED:
      return "failed";
    case proto::CANCELLED:
      return "cancelled";
    case proto::TIMED_OUT:
      return "timed out";
    default:
      return "unknown";
  }
}

const char* state_verb(proto::TaskState x) noexcept {
  if (!has_ended(x))
    return "is";
  return x == proto::CANCELLED ? "was" : "has";
}

} // namespace coppice

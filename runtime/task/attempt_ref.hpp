// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/cluster.pb.h"
#include "runtime/task/attempt_key.hpp"
#include "runtime/task/task_id.hpp"

#include <cstdint>
#include <string>

namespace coppice {

/// Renders *x* for people: `PRODUCT.EPOCH.SEQUENCE/ATTEMPT`.
/// @relates attempt_key
inline std::string to_string(const attempt_key& x) {
  return to_string(x.task) + "/" + std::to_string(x.attempt);
}

/// @relates attempt_key
inline attempt_key to_attempt_key(const proto::TaskRef& x, uint32_t attempt) {
  return {{x.product(), x.epoch(), x.sequence()}, attempt};
}

/// @relates attempt_key
inline attempt_key to_attempt_key(const proto::AttemptRef& x) {
  return to_attempt_key(x.task(), x.attempt());
}

/// Writes *x* as messages carry it.
/// @relates attempt_key
inline void assign_ref(proto::TaskRef& to, const task_id& x) {
  to.set_product(x.product);
  to.set_epoch(x.epoch);
  to.set_sequence(x.sequence);
}

/// Writes *x* as messages carry it.
/// @relates attempt_key
inline void assign_ref(proto::AttemptRef& to, const attempt_key& x) {
  assign_ref(*to.mutable_task(), x.task);
  to.set_attempt(x.attempt);
}

} // namespace coppice

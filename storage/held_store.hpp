// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/held.pb.h"
#include "runtime/error.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace coppice {

/// A request as it is on disk.
struct held_request {
  uint64_t number = 0;
  /// It was noted that it is being delivered.
  bool delivered = false;
  proto::HeldRequest request;
};

/// What is to become of one number, in this order.
struct held_change {
  uint64_t number = 0;
  /// The request goes, and the note with it.
  bool erase = false;
  std::optional<proto::HeldRequest> save;
  /// Whether it is noted that it is being delivered.
  std::optional<bool> delivered;
};

/// All that is on disk at a start.
struct held_rows {
  /// By their numbers.
  std::vector<held_request> requests;
  /// Rows that could not be read, in all; they are set aside.
  size_t damaged = 0;
  /// The highest number that was ever found here, or 0.
  uint64_t last_number = 0;
};

/// Requests to services that a gateway keeps on disk. Used by one thread.
class held_store {
public:
  virtual ~held_store() = default;

  /// Makes all changes, or none. Durable once it returns.
  /// @returns `storage_failure` if the disk refuses.
  virtual result<> write(const std::vector<held_change>& xs) = 0;
};

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/service/local_services.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace coppice::forward {

/// A request to a process of this node: the process is not stopped, unless the
/// patience of who stops it ends, as long as this lives.
class process_visit {
public:
  /// @returns Nothing if that is no process that is here in this epoch and may
  ///          be asked.
  static std::optional<process_visit>
  begin(const local_services& all, const service_instance& who, uint64_t epoch);

  process_visit(process_visit&&) = default;

  process_visit& operator=(process_visit&& x) noexcept {
    std::swap(in_flight_, x.in_flight_);
    std::swap(port_, x.port_);
    return *this;
  }

  ~process_visit() {
    if (in_flight_)
      --*in_flight_;
  }

  /// Returns where the process listens on 127.0.0.1.
  uint16_t port() const noexcept {
    return port_;
  }

private:
  process_visit(std::shared_ptr<std::atomic<uint32_t>> in_flight, uint16_t port)
    : in_flight_(std::move(in_flight)),
      port_(port) {
    ++*in_flight_;
  }

  std::shared_ptr<std::atomic<uint32_t>> in_flight_;
  uint16_t port_;
};

} // namespace coppice::forward

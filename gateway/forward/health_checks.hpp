// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "gateway/forward/upstream.hpp"
#include "runtime/service/local_services.hpp"

#include <chrono>
#include <map>
#include <memory>

namespace coppice::forward {

/// So many looks in a row have to fail before a process is unhealthy.
inline constexpr uint32_t most_failed_looks = 2;

/// Looks after the health of processes: asks each of them again and again.
class health_checks : public std::enable_shared_from_this<health_checks> {
public:
  using time = std::chrono::steady_clock::time_point;
  using ms = std::chrono::milliseconds;

  /// @param links Lives at least as long.
  health_checks(std::shared_ptr<local_services> services, upstreams& links)
    : services_(std::move(services)),
      links_(links) {
    // nop
  }

  /// Asks who is to be asked. To be called again and again.
  void tick(time now);

private:
  class look;

  struct entry {
    uint64_t epoch = 0;
    time next{};
    uint32_t failures = 0;
    bool was_healthy = false;
    bool is_asked = false;
  };

  void ask(const service_instance& who, const local_service& what);

  void heard(const service_instance& who, uint64_t epoch, bool healthy);

  std::shared_ptr<local_services> services_;
  upstreams& links_;
  std::map<service_instance, entry> entries_;
};

} // namespace coppice::forward

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/service/local_services.hpp"

#include <atomic>
#include <chrono>
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
    std::swap(answers_, x.answers_);
    std::swap(port_, x.port_);
    std::swap(began_, x.began_);
    return *this;
  }

  ~process_visit() {
    if (in_flight_)
      --*in_flight_;
  }

  /// Says that the answer begins. How long that took is noted if the process
  /// had no other request meanwhile, as far as that can be seen now: with
  /// several, each takes longer.
  void answered() {
    if (auto to = std::exchange(answers_, nullptr); to && *in_flight_ == 1)
      to->add(std::chrono::steady_clock::now() - began_);
  }

  /// Returns where the process listens on 127.0.0.1.
  uint16_t port() const noexcept {
    return port_;
  }

private:
  explicit process_visit(const local_service& what)
    : in_flight_(what.in_flight),
      port_(what.port),
      began_(std::chrono::steady_clock::now()) {
    what.answers->begin();
    if (++*in_flight_ == 1)
      answers_ = what.answers;
  }

  std::shared_ptr<std::atomic<uint32_t>> in_flight_;
  /// Null if the process had another request already.
  std::shared_ptr<answer_meter> answers_;
  uint16_t port_;
  std::chrono::steady_clock::time_point began_;
};

} // namespace coppice::forward

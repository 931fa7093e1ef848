// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/service.pb.h"
#include "runtime/lease_end.hpp"
#include "runtime/service/answer_meter.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace coppice {

/// Names an instance of a service.
struct service_instance {
  std::string service;
  uint32_t instance = 0;

  friend auto operator<=>(const service_instance&, const service_instance&)
    = default;
};

/// Why a request to a service was not handled by who got it. Nothing has
/// happened then but with `unknown`.
enum class service_refusal : uint8_t {
  /// It is not, or not any more, at this place in this epoch.
  not_here,
  /// It is, and takes no requests at this time.
  not_ready,
  /// Nobody knows whether it has had an effect: the same id finds out.
  unknown,
};

/// What came of a request to a native service.
struct service_result {
  /// Set unless it was refused.
  std::optional<proto::ServiceAnswer> answer;
  service_refusal refused = service_refusal::not_here;
};

/// Called once, from any thread.
using service_answer_handler = std::function<void(service_result)>;

/// Hands a request to a native service. From any thread; does not block.
using service_handler
  = std::function<void(proto::ServiceCall, service_answer_handler)>;

/// An instance that runs on this node.
struct local_service {
  /// Of its place: requests with another one are not for it.
  uint64_t epoch = 0;
  /// Set if it is native.
  service_handler handle{};
  /// Where its process listens on 127.0.0.1, if it is not native.
  uint16_t port = 0;
  /// Its process, which leads a group; 0 if it is native.
  int32_t pid = 0;
  /// See ServiceSpec.
  uint64_t memory_limit = 0;
  std::string health_path{};
  int64_t health_interval_ms = 1'000;
  int64_t request_timeout_ms = 30'000;
  /// How many requests its process has: counted by who hands them to it, so
  /// that it is not stopped in the midst of one.
  std::shared_ptr<std::atomic<uint32_t>> in_flight
    = std::make_shared<std::atomic<uint32_t>>(0);
  /// How long its process took for requests that it had to itself: noted by who
  /// hands them to it.
  std::shared_ptr<answer_meter> answers = std::make_shared<answer_meter>();
  /// Set if it is exclusive.
  lease_end_ptr lease{};

  /// Returns whether it may be asked: an exclusive one may be elsewhere when
  /// its lease is over.
  bool may_serve() const {
    return !lease || !lease->is_over();
  }
};

/// What runs on this node: told by SERVICE_HOST, looked at by whoever takes
/// requests from other nodes, and looks after the health of processes. Any
/// thread may use it.
class local_services {
public:
  // -- modifiers --------------------------------------------------------------

  void put(const service_instance& who, local_service x) {
    std::lock_guard guard{mutex_};
    all_[who] = {std::move(x), false};
  }

  /// Takes it out, unless another one has its place by now.
  void erase(const service_instance& who, uint64_t epoch) {
    std::lock_guard guard{mutex_};
    auto found = all_.find(who);
    if (found != all_.end() && found->second.what.epoch == epoch)
      all_.erase(found);
  }

  /// Says whether a process is healthy. What is not known in that epoch is left
  /// alone.
  void set_healthy(const service_instance& who, uint64_t epoch, bool x) {
    std::lock_guard guard{mutex_};
    auto found = all_.find(who);
    if (found != all_.end() && found->second.what.epoch == epoch)
      found->second.healthy = x;
  }

  // -- properties -------------------------------------------------------------

  std::optional<local_service> find(const service_instance& who) const {
    std::lock_guard guard{mutex_};
    auto found = all_.find(who);
    if (found == all_.end())
      return std::nullopt;
    return found->second.what;
  }

  /// Returns whether a process was healthy when it was last looked at; false
  /// before that.
  bool is_healthy(const service_instance& who, uint64_t epoch) const {
    std::lock_guard guard{mutex_};
    auto found = all_.find(who);
    return found != all_.end() && found->second.what.epoch == epoch
           && found->second.healthy;
  }

  /// Returns everything, for who looks after the health of processes.
  std::vector<std::pair<service_instance, local_service>> all() const {
    std::lock_guard guard{mutex_};
    std::vector<std::pair<service_instance, local_service>> result;
    for (auto& [who, x] : all_)
      result.emplace_back(who, x.what);
    return result;
  }

private:
  struct entry {
    local_service what;
    bool healthy = false;
  };

  mutable std::mutex mutex_;

  std::map<service_instance, entry> all_;
};

} // namespace coppice

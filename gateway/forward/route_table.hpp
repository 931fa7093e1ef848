// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/api.pb.h"
#include "proto/service.pb.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

// Where the requests to services go. Pure.

namespace coppice::forward {

/// One place of a service.
struct route_place {
  uint32_t instance = 0;
  /// Two places of an instance never have the same.
  uint64_t epoch = 0;
  std::string node;
  /// HOST:PORT of its node's listener.
  std::string address;
  /// It takes requests.
  bool ready = false;

  friend bool operator==(const route_place&, const route_place&) = default;
};

/// What a forwarder has to know of a service, defaults filled in.
struct service_route {
  using ms = std::chrono::milliseconds;

  std::string name;
  bool is_native = false;
  /// See ServiceSpec.
  bool idempotent = false;
  bool held_on_disk = false;
  ms request_timeout{30'000};
  size_t hold_requests = 1'000;
  uint64_t hold_bytes = uint64_t{64} << 20;
  ms hold{30'000};
  std::vector<route_place> places;
};

using service_route_ptr = std::shared_ptr<const service_route>;

/// Who says where the services are.
enum class route_source : uint8_t {
  manager,
  /// What a former start knew.
  last_start,
};

/// All services; never changes.
class route_table {
public:
  route_table() = default;

  /// Takes what a cluster says, whatever it is: numbers that cannot be meant
  /// are replaced by the defaults, and places that cannot be reached are not
  /// ready.
  /// @param down Nodes that are down, with the last start of each: what they
  ///             had in it cannot be reached.
  explicit route_table(const proto::ServicesReply& x,
                       const std::map<std::string, uint64_t>& down = {},
                       route_source source = route_source::manager);

  /// @returns nullptr if there is no such service.
  service_route_ptr find(std::string_view name) const;

  size_t size() const noexcept {
    return services_.size();
  }

  /// Returns whether what is not in it does not exist: there may be services
  /// that a former start did not know yet.
  bool is_complete() const noexcept {
    return source_ == route_source::manager;
  }

private:
  std::map<std::string, service_route_ptr, std::less<>> services_;

  route_source source_ = route_source::manager;
};

using route_table_ptr = std::shared_ptr<const route_table>;

} // namespace coppice::forward

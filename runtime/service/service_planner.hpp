// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/service.pb.h"
#include "runtime/error.hpp"
#include "runtime/service/service_hosts.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace coppice {

/// The next thing to do for a service.
struct service_step {
  enum class kind_type : uint8_t {
    /// The row gets these places.
    place,
    /// The journal is to be dropped; afterwards `erase`.
    drop,
    /// The row is to be erased.
    erase,
  };

  kind_type kind = kind_type::place;
  std::string service;
  /// The row that it follows from.
  uint64_t based_on = 0;
  std::vector<proto::ServicePlace> places{};
  /// With `drop`: where.
  uint32_t number = 0;
  uint32_t shard = 0;
  /// What happened, in sentences for people, if it is of interest.
  std::vector<std::string> notes{};
};

/// How often a service that fails is tried again.
struct service_retry_limits {
  std::chrono::milliseconds backoff_min{1'000};
  std::chrono::milliseconds backoff_max{60'000};
  /// What was ready for so long began well.
  std::chrono::milliseconds settled{60'000};
};

/// Decides where services are.
///
/// What is durable is in the rows; this one remembers only how often something
/// failed, so that a new leader may begin with a fresh one. It moves nothing
/// that is fine. Pure: the caller passes the time in, and carries out one step
/// after the other.
class service_planner {
public:
  // -- member types -----------------------------------------------------------

  using time_point = service_hosts::time_point;

  using row_list = std::vector<proto::ServiceRow>;

  // -- constructors, destructors, and assignment operators --------------------

  service_planner(const service_host_limits& limits,
                  const service_retry_limits& retry, time_point began)
    : hosts(limits, began),
      retry_(retry) {
    // nop
  }

  // -- modifiers --------------------------------------------------------------

  /// Returns the next step, or nothing if all is as it should be now.
  /// @param rows All services.
  /// @param dropped Services whose journal is gone.
  /// @param busy Services for which nothing is to be done now.
  std::optional<service_step>
  next(const row_list& rows, const std::set<std::string>& dropped,
       const std::set<std::string>& busy, time_point now);

  /// Returns the places of a service that people want to be moved.
  /// @returns `conflict` if no other node may have it.
  result<std::vector<proto::ServicePlace>> move(const proto::ServiceRow& row,
                                                time_point now) const;

  // -- member variables -------------------------------------------------------

  /// What is known of the nodes.
  service_hosts hosts;

private:
  // -- member types -----------------------------------------------------------

  /// A place by service and instance.
  using place_name = std::pair<uint32_t, uint32_t>;

  /// How often something failed.
  struct record {
    uint32_t failures = 0;
    /// Of the place that was looked at last.
    uint64_t epoch = 0;
    bool failed = false;
    /// Where it failed; not there again before *due*.
    std::string where{};
    time_point due{};
    std::optional<time_point> ready_since{};
  };

  /// One service that is looked at.
  struct look;

  // -- modifiers --------------------------------------------------------------

  void remember(const look& x);

  void look_at(look& x);

  /// Takes what its node says of a place.
  void merge_report(look& x, proto::ServicePlace& place);

  /// Takes away what does not run any more.
  void clear_ended(look& x);

  /// Asks places to leave that are to be elsewhere, or not at all.
  void ask_to_leave(look& x);

  /// Gives instances that have no place to nodes.
  void give(look& x);

  void give(look& x, proto::ServicePlace& place);

  /// Returns whether an instance has just failed on *node*.
  bool backs_off(const look& x, uint32_t instance,
                 const std::string& node) const;

  /// Returns where an instance is best, if it may be anywhere.
  std::optional<service_hosts::candidate> choose(const look& x,
                                                 uint32_t instance) const;

  // -- member variables -------------------------------------------------------

  service_retry_limits retry_;

  std::map<place_name, record> records_;

  /// How many places each node has.
  std::map<std::string, size_t> load_;
};

} // namespace coppice

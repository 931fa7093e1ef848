// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/api.pb.h"
#include "runtime/health/node_entry.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace coppice {

/// How long to wait for nodes that may have services.
struct service_host_limits {
  /// How long a node may go on with exclusive services without an answer.
  std::chrono::milliseconds lease{10'000};
  /// A node that asked so lately may be given services. Longer than an answer
  /// to it is put off.
  std::chrono::milliseconds fresh{6'000};
  /// A node that is healthy, but has not asked for so long, cannot be told
  /// anything: what it has is given elsewhere.
  std::chrono::milliseconds patience{20'000};
  /// After the lead began: nodes have to find the new leader first.
  std::chrono::milliseconds grace{5'000};
};

/// Returns limits that fit to the lease of exclusive services.
/// @relates service_host_limits
service_host_limits host_limits(std::chrono::milliseconds lease);

/// Returns how long an answer to a node may be put off. Its lease counts from
/// when it asked, so it has to ask again well before.
/// @relates service_host_limits
std::chrono::milliseconds longest_wait(const service_host_limits& x);

/// The nodes that may have services: what the list of nodes says of them, and
/// what they say themselves. Pure: the caller passes the time in.
class service_hosts {
public:
  // -- member types -----------------------------------------------------------

  using time_point = std::chrono::steady_clock::time_point;

  /// How it stands with the start of a node that has a place.
  enum class standing : uint8_t {
    /// It lives, as far as is known.
    here,
    /// Nothing of it runs any more.
    gone,
    /// It may run still, but the cluster goes on without it. What is exclusive
    /// has to wait until its lease is over.
    lost,
  };

  // -- constructors, destructors, and assignment operators --------------------

  /// @param began When the lead began.
  service_hosts(const service_host_limits& limits, time_point began)
    : limits_(limits),
      began_(began) {
    // nop
  }

  // -- modifiers --------------------------------------------------------------

  /// Takes a row of the list of nodes, in any order.
  void learn(const node_entry& x);

  /// Takes what a node asks.
  /// @returns whether it reports something new, or is new itself.
  bool heard(const proto::ServicesRequest& x, time_point now);

  /// Forgets nodes that are not in the list and do not ask.
  void sweep(time_point now);

  // -- properties -------------------------------------------------------------

  standing look(const std::string& node, uint64_t incarnation,
                time_point now) const;

  /// Returns whether the lease of everything on *node* is over.
  bool lease_is_over(const std::string& node, time_point now) const;

  bool is_drained(const std::string& node) const;

  /// Returns whether everything has to leave the node.
  bool is_closing(const std::string& node) const;

  /// Returns what the node said last of an instance in that epoch.
  const proto::ServiceReport* report(const proto::ServicePlace& place,
                                     const std::string& service) const;

  /// Returns whether the node knows the services as they were at *version* and
  /// does not have that instance in that epoch.
  bool lacks(const proto::ServicePlace& place, const std::string& service,
             uint64_t version) const;

  /// A node that may be given something.
  struct candidate {
    std::string node;
    uint64_t incarnation = 0;
  };

  /// Returns the nodes that meet the labels of *spec*.
  std::vector<candidate> candidates(const proto::ServiceSpec& spec,
                                    time_point now) const;

  /// Returns whether nodes had time to find this leader.
  bool settled(time_point now) const {
    return now >= began_ + limits_.grace;
  }

  /// Says why nothing may have *spec*, as a clause for people.
  std::string why_none(const proto::ServiceSpec& spec, time_point now) const;

private:
  // -- member types -----------------------------------------------------------

  /// A node that asked.
  struct asker {
    uint64_t incarnation = 0;
    time_point asked{};
    uint64_t known = 0;
    std::vector<proto::ServiceReport> reports;
  };

  struct listed_node {
    node_entry row;
    std::vector<std::string> labels;
  };

  // -- properties -------------------------------------------------------------

  const asker* find(const std::string& node, uint64_t incarnation) const;

  bool may_have_more(const listed_node& x, time_point now) const;

  // -- member variables -------------------------------------------------------

  service_host_limits limits_;

  time_point began_;

  std::map<std::string, listed_node> list_;

  std::map<std::string, asker> hosts_;
};

} // namespace coppice

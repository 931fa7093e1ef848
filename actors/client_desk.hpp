// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/local_messages.hpp"
#include "actors/scheduling_client.hpp"
#include "runtime/task/attempt_key.hpp"
#include "storage/tables.hpp"

#include <caf/result.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace coppice {

/// The CLIENT_DESK with its messages from its children.
using client_desk_impl = api_actor::extend<caf::reacts_to<client_idle>>;

/// What the CLIENT_DESK is told when it starts.
struct client_desk_options {
  /// Name of the shard, for people.
  std::string group = "shard-0";
  /// How long a lease lives without news.
  std::chrono::milliseconds lease{10'000};
  /// The most clients that have leases, or asked for some lately.
  size_t max_clients = 1'000;
};

/// The state of CLIENT_DESK: has a SCHEDULING_CLIENT for each client that
/// leases tasks of the shard by requests, and passes on what these ask.
struct client_desk_state {
  // -- member types -----------------------------------------------------------

  struct client {
    scheduling_client_actor handle;
    /// How many it was passed.
    uint64_t requests = 0;
  };

  // -- constructors, destructors, and assignment operators --------------------

  explicit client_desk_state(client_desk_impl::pointer selfptr)
    : self(selfptr) {}

  // -- handlers ---------------------------------------------------------------

  caf::result<proto::Reply> on_request(proto::Request& x);

  void on_idle(const client_idle& x);

  void on_exit(const caf::exit_msg& x);

  // -- parts of the handlers --------------------------------------------------

  caf::result<proto::Reply> lease_tasks(proto::Request& x);

  caf::result<proto::Reply> take_news(proto::Request& x);

  /// Passes a request to a client, which comes into being if it has to.
  caf::result<proto::Reply> pass(const std::string& who, proto::Request& x);

  void begin(const std::string& who, client& out);

  /// Returns the client that an attempt is leased to; empty if it is to none.
  result<std::string> find_holder(const attempt_key& key) const;

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "client_desk";

  client_desk_impl::pointer self;

  client_desk_options options;

  std::shared_ptr<const tables> store;

  local_task_tracker_actor tracker;

  local_job_scheduler_actor scheduler;

  std::map<std::string, client> clients;

  /// How many there have been, so that each has numbers of its own for its
  /// connections.
  uint64_t begun = 0;
};

/// Serves the scheduling clients of one shard.
/// @param self The actor itself.
/// @param options Limits and intervals.
/// @param store The tables of the shard.
/// @param tracker Who follows what is leased.
/// @param scheduler Who leases.
client_desk_impl::behavior_type
client_desk(client_desk_impl::stateful_pointer<client_desk_state> self,
            client_desk_options options, std::shared_ptr<const tables> store,
            local_task_tracker_actor tracker,
            local_job_scheduler_actor scheduler);

} // namespace coppice

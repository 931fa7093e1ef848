// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/local_messages.hpp"
#include "runtime/service/service_planner.hpp"
#include "storage/tables.hpp"

#include <caf/response_promise.hpp>
#include <caf/result.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace coppice {

/// The SERVICE_PLACER with its messages to itself.
using service_placer_impl
  = service_placer_actor::extend<caf::reacts_to<atom::dispatch>,
                                 caf::reacts_to<atom::review>,
                                 caf::reacts_to<atom::tick>>;

/// What the SERVICE_PLACER is told when it starts.
struct service_placer_options {
  service_host_limits hosts;
  service_retry_limits retry;
  /// How often it is looked whether a time has come.
  std::chrono::milliseconds tick{200};
  /// Pause before something is tried again that failed.
  std::chrono::milliseconds retry_pause{1'000};
  /// More are refused at once: who asks again comes through.
  size_t max_waiting = 20'000;
  /// Services of the config file. One that does not exist is made when this
  /// manager begins to lead; one that does is never changed by it.
  std::vector<proto::ServiceSpec> configured{};
};

/// The state of the SERVICE_PLACER: which services there are, and where. Where
/// they are to be is decided by `service_planner`; what was decided is in the
/// tables, and the rest is told by the nodes again and again.
struct service_placer_state {
  // -- member types -----------------------------------------------------------

  using time_point = service_hosts::time_point;

  using promise = caf::typed_response_promise<proto::Reply>;

  /// Who waits for a change.
  struct waiting_poll {
    uint64_t known = 0;
    time_point until{};
    promise answer;
  };

  /// A change that people want.
  struct waiting_change {
    proto::ServiceRequest what;
    promise answer;
  };

  // -- constructors, destructors, and assignment operators --------------------

  explicit service_placer_state(service_placer_impl::pointer selfptr)
    : self(selfptr) {}

  // -- initialization ---------------------------------------------------------

  result<> init(service_placer_options xs, std::shared_ptr<const tables> db,
                state_replicator_actor log, api_actor directory);

  // -- handlers ---------------------------------------------------------------

  caf::result<proto::Reply> on_request(proto::Request& x);

  void on_nodes(const node_news& x);

  /// Answers polls, in one go for all that came in one turn.
  void on_dispatch();

  /// Takes the next step, if none is under way.
  void on_review();

  void on_tick();

  /// This manager does not lead any more: who waits is to look for another one.
  void on_exit();

  // -- parts of the handlers --------------------------------------------------

  caf::result<proto::Reply> poll(const proto::ServicesRequest& x);

  caf::result<proto::Reply> change(proto::ServiceRequest x);

  /// Answers those whose question came before the lead was proven.
  /// @param why Set if that failed.
  void answer_asked(const std::optional<error>& why);

  /// Reads the services again, after they may have changed.
  /// @returns whether they could be read; otherwise this actor ends.
  bool reload();

  /// Returns whether somebody else has changed a service: the REGENERATOR marks
  /// the place of an instance that is to be cut back.
  bool has_changed() const;

  void schedule_dispatch();

  void schedule_review();

  /// Proposes what people want.
  void begin_change();

  /// Answers whoever wanted the change that was under way.
  void answer_change(proto::Reply reply);

  /// Returns the command for what people want.
  result<proto::ServiceCommand> command_of(const proto::ServiceRequest& x);

  void carry_out(const service_step& x);

  /// Has the journal of a service dropped by its shard, a part at a time.
  void drop_journal(const service_step& x);

  void on_dropped(const service_step& x, const proto::Reply& reply);

  /// Makes what the config file names and nobody has made yet.
  void add_configured();

  /// Adds an event of words.
  void note(const std::string& text);

  proto::Reply answer_to(uint64_t known) const;

  const proto::ServiceRow* find(const std::string& service) const;

  time_point now() const {
    return self->clock().now();
  }

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "service_placer";

  service_placer_impl::pointer self;

  service_placer_options options;

  std::shared_ptr<const tables> store;

  state_replicator_actor replicator;

  /// Who finds the shards.
  api_actor front;

  std::optional<service_planner> planner;

  std::vector<proto::ServiceRow> rows;

  /// Not 0, which who follows says to have everything at once.
  uint64_t version = 1;

  /// How many shards there are.
  uint32_t shards = 0;

  std::vector<waiting_poll> polls;

  /// Those of them that are answered once the log proves that this manager
  /// leads; another proof begins when they are.
  std::vector<waiting_poll> asked;

  std::deque<waiting_change> changes;

  /// Of the change that is proposed; pending only while there is one that
  /// somebody waits for.
  promise changing;

  /// They are to be made as soon as there is a shard.
  bool configured_waits = true;

  /// A proposal is under way: nothing else is proposed.
  bool proposing = false;

  /// Nothing is proposed before, for the last proposal failed.
  time_point not_before{};

  /// Services whose journal is being dropped, or is to be a little later.
  std::set<std::string> dropping;

  /// Those of them that wait for another try.
  std::vector<std::pair<time_point, std::string>> failed_drops;

  /// Services whose journal is gone.
  std::set<std::string> dropped;

  bool dispatch_scheduled = false;

  bool review_scheduled = false;
};

/// Places services on nodes; lives while this manager leads the cluster group.
/// @param self The actor itself.
/// @param options Limits, and the services of the config file.
/// @param store The tables that *replicator* writes.
/// @param replicator Where changes are proposed.
/// @param front Finds the shards that have journals.
service_placer_impl::behavior_type
service_placer(service_placer_impl::stateful_pointer<service_placer_state> self,
               service_placer_options options,
               std::shared_ptr<const tables> store,
               state_replicator_actor replicator, api_actor front);

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/local_messages.hpp"
#include "runtime/health/regeneration/regeneration_planner.hpp"
#include "runtime/health/regeneration/regeneration_steps.hpp"
#include "storage/tables.hpp"

#include <caf/response_promise.hpp>
#include <caf/result.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace coppice {

/// The REGENERATOR with its messages to itself.
using regenerator_impl = regenerator_actor::extend<caf::reacts_to<atom::review>,
                                                   caf::reacts_to<atom::tick>>;

/// What the REGENERATOR is told when it starts.
struct regenerator_options {
  regeneration_policy policy;
  regeneration_limits limits;
  /// Whether what is worn is regenerated without being asked for.
  bool by_itself = true;
  /// How long tasks have to move.
  std::chrono::milliseconds drain{60'000};
  /// How often it is looked whether something that is under way is to go on.
  std::chrono::milliseconds tick{100};
  /// How often it is looked whether something is to begin, if no node says that
  /// it is worn.
  std::chrono::milliseconds calm{2'000};
  /// Pause after a proposal that failed.
  std::chrono::milliseconds retry_pause{1'000};
};

/// The state of the REGENERATOR: carries regenerations out, one step after the
/// other. What was decided is in the tables, so that it only remembers what the
/// nodes say; they say it again and again.
struct regenerator_state {
  // -- member types -----------------------------------------------------------

  using promise = caf::typed_response_promise<proto::Reply>;

  /// What people want.
  struct waiting_ask {
    std::deque<proto::RegenerationRow> rows;
    promise answer;
    proto::Reply reply;
  };

  /// What is durable.
  struct scene {
    std::vector<proto::RegenerationRow> all;
    std::vector<node_entry> nodes;
    std::vector<proto::ServiceRow> services;
  };

  // -- constructors, destructors, and assignment operators --------------------

  explicit regenerator_state(regenerator_impl::pointer selfptr)
    : self(selfptr) {}

  // -- initialization ---------------------------------------------------------

  void init(regenerator_options xs, std::shared_ptr<const tables> db,
            proposer_actor to);

  // -- handlers ---------------------------------------------------------------

  caf::result<proto::Reply> on_request(const proto::Request& x);

  /// Takes the next step, if none is under way.
  void on_review();

  void on_tick();

  /// This manager does not lead any more: who waits is to look for another one.
  void on_exit();

  // -- parts of the handlers --------------------------------------------------

  proto::Reply on_vitals(const proto::VitalsRequest& x);

  caf::result<proto::Reply> ask(const proto::RegenerateRequest& x);

  result<scene> read() const;

  /// Returns why *row* may not begin now.
  result<> check(const proto::RegenerationRow& row, const scene& now) const;

  /// Forgets what was said by who is no node.
  void forget_strangers(const scene& now);

  void begin_asked(const scene& now);

  /// Takes over what one begin of an ask came to.
  void on_asked(const proto::Outcome& outcome);

  void propose(proto::RegenerationCommand x,
               std::function<void(const proto::Outcome&)> f);

  void begin(proto::RegenerationRow row,
             std::function<void(const proto::Outcome&)> f);

  void schedule_review();

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "regenerator";

  regenerator_impl::pointer self;

  regenerator_options options;

  std::shared_ptr<const tables> store;

  proposer_actor proposer;

  /// By node.
  std::map<std::string, proto::VitalsRequest> said;

  std::deque<waiting_ask> asks;

  bool proposing = false;

  bool review_scheduled = false;

  /// Something is under way, as far as is known.
  bool under_way = true;

  caf::actor_clock::time_point next_look{};

  caf::actor_clock::time_point not_before{};
};

/// Regenerates nodes and services; lives while this manager leads the cluster
/// group.
/// @param self The actor itself.
/// @param options Limits.
/// @param store The tables of the cluster group.
/// @param proposer Where steps are proposed.
regenerator_impl::behavior_type
regenerator(regenerator_impl::stateful_pointer<regenerator_state> self,
            regenerator_options options, std::shared_ptr<const tables> store,
            proposer_actor proposer);

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/services/snapshot_run.hpp"
#include "runtime/service/journal_loader.hpp"

#include <caf/response_promise.hpp>
#include <caf/result.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace coppice {

/// STATE_KEEPER: saves the state of one process, and gives it back.
using state_keeper_actor = caf::typed_actor<
  // Gives the process at that port the state that was saved last. Answers what
  // went wrong; empty: nothing, and it may have requests.
  caf::replies_to<caf::put_atom, uint16_t>::with<std::string>,
  // Saves the state of that process. Durable once answered with an empty text.
  caf::replies_to<caf::get_atom, uint16_t>::with<std::string>>;

/// STATE_KEEPER with the messages of its SNAPSHOT_RUN.
using state_keeper_impl
  = state_keeper_actor::extend<caf::reacts_to<snapshot_made>>;

/// What STATE_KEEPER is told when it starts.
struct state_keeper_options {
  journal_place place;
  std::string path;
  cluster_link_actor cluster;
  /// For an answer of the process.
  std::chrono::milliseconds patience{30'000};
};

/// The state of STATE_KEEPER. What is saved is a snapshot of the journal of the
/// service, behind an item without events that says only that it was saved.
struct state_keeper_state {
  // -- member types -----------------------------------------------------------

  using promise = caf::typed_response_promise<std::string>;

  // -- constructors, destructors, and assignment operators --------------------

  explicit state_keeper_state(state_keeper_impl::pointer selfptr)
    : self(selfptr) {}

  // -- handlers ---------------------------------------------------------------

  caf::result<std::string> restore(uint16_t port);

  caf::result<std::string> capture(uint16_t port);

  void on_snapshot(const snapshot_made& x);

  // -- parts of the handlers --------------------------------------------------

  void on_taken(const proto::Reply& x);

  void on_loaded(result<journal_loader::loaded> x);

  void on_appended(const proto::Reply& x);

  void ask(proto::Request x, std::function<void(const proto::Reply&)> f);

  /// Answers who waits.
  void finish(std::string problem);

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "state_keeper";

  state_keeper_impl::pointer self;

  state_keeper_options options;

  /// One at a time.
  std::optional<promise> waiting;

  uint16_t port = 0;

  proto::JournalHead head;

  /// What is being saved.
  std::string bytes;

  /// What was saved last.
  std::string saved;
};

/// Saves and restores the state of a process; blocks meanwhile: spawn with
/// `caf::detached`.
/// @param self The actor itself.
state_keeper_impl::behavior_type
state_keeper(state_keeper_impl::stateful_pointer<state_keeper_state> self,
             state_keeper_options options);

} // namespace coppice

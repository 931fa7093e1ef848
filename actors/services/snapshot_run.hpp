// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/cluster_link.hpp"
#include "runtime/service/journal_loader.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace coppice {

/// To NATIVE_RUN: a snapshot was made, or why not.
struct snapshot_made {
  proto::JournalHead head;
  std::string problem;
};

using snapshot_observer = caf::typed_actor<caf::reacts_to<snapshot_made>>;

/// SNAPSHOT_RUN: makes one snapshot of a native service, and ends.
using snapshot_run_actor = caf::typed_actor<caf::reacts_to<caf::open_atom>>;

/// What SNAPSHOT_RUN is told when it starts.
struct snapshot_run_options {
  journal_place place;
  proto::JournalHead head;
  /// Without a state.
  std::shared_ptr<std::unique_ptr<native_service>> fresh;
  cluster_link_actor cluster;
  snapshot_observer observer;
};

/// The state of SNAPSHOT_RUN: a second object of the service, made of the last
/// snapshot and the events behind it, so that the first one never waits for the
/// size of its state.
struct snapshot_run_state {
  // -- constructors, destructors, and assignment operators --------------------

  explicit snapshot_run_state(snapshot_run_actor::pointer selfptr)
    : self(selfptr) {}

  // -- handlers ---------------------------------------------------------------

  void on_open();

  // -- parts of the handlers --------------------------------------------------

  void on_loaded(result<journal_loader::loaded> x);

  void send_chunk();

  void on_sent(const proto::Reply& x);

  void ask(proto::Request x, std::function<void(const proto::Reply&)> f);

  void finish(proto::JournalHead head, std::string problem);

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "snapshot_run";

  snapshot_run_actor::pointer self;

  snapshot_run_options options;

  std::string bytes;

  uint64_t through = 0;

  uint32_t chunk = 0;
};

/// Makes a snapshot. `save` may take its time: spawn with `caf::detached`.
/// @param self The actor itself.
snapshot_run_actor::behavior_type
snapshot_run(snapshot_run_actor::stateful_pointer<snapshot_run_state> self,
             snapshot_run_options options);

} // namespace coppice

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::snapshot_made)

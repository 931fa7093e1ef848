// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/services/instance.hpp"
#include "actors/services/snapshot_run.hpp"
#include "runtime/service/journal_loader.hpp"
#include "runtime/service/native_core.hpp"

#include <caf/atom.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>

namespace coppice {

/// A request for the service, from any thread.
struct native_call {
  proto::ServiceCall call;
  service_answer_handler answer;
};

/// The NATIVE_RUN of one instance.
using native_run_actor = instance_actor::extend<caf::reacts_to<native_call>,
                                                caf::reacts_to<snapshot_made>,
                                                // Looks what is due.
                                                caf::reacts_to<caf::tick_atom>,
                                                // Takes the journal, again.
                                                caf::reacts_to<caf::open_atom>>;

/// What NATIVE_RUN is told when it starts.
struct native_run_options {
  instance_start start;
  instance_surroundings here;
  std::function<std::unique_ptr<native_service>()> make;
  /// Whether a snapshot is made in a thread of its own. Not in tests.
  bool threads = true;
  /// A snapshot is made when the events behind the last one are larger than
  /// it, and than this.
  uint64_t snapshot_bytes = uint64_t{1} << 20;
  /// Pauses before the journal is asked again, doubled from the first to the
  /// last.
  std::chrono::milliseconds first_pause{50};
  std::chrono::milliseconds last_pause{2'000};
  /// The same after a snapshot that could not be made.
  std::chrono::milliseconds first_snapshot_pause{10'000};
  std::chrono::milliseconds last_snapshot_pause{600'000};
};

/// The state of NATIVE_RUN: the only writer of a journal, or nobody.
struct native_run_state {
  // -- member types -----------------------------------------------------------

  using clock = native_core::clock;

  // -- constructors, destructors, and assignment operators --------------------

  explicit native_run_state(native_run_actor::pointer selfptr)
    : self(selfptr) {}

  ~native_run_state();

  // -- initialization ---------------------------------------------------------

  void init(native_run_options xs);

  // -- handlers ---------------------------------------------------------------

  void on_open();

  void on_call(native_call& x);

  void on_leave();

  void on_owner(clock::time_point since);

  void on_tick();

  void on_snapshot(const snapshot_made& x);

  // -- parts of the handlers --------------------------------------------------

  void on_taken(const proto::Reply& x);

  void on_loaded(result<journal_loader::loaded> x);

  /// Returns how others hand requests to this service.
  service_handler make_handler();

  /// Returns an object without a state.
  result<std::unique_ptr<native_service>> make_service() const;

  /// Tries again after a pause, or gives up if that makes no sense.
  void on_trouble(const error& why);

  /// Answers, appends and looks up whatever there is.
  void pump();

  void append(proto::JournalAppend x);

  void on_appended(const proto::Reply& x);

  void look_up(uint64_t sequence);

  void on_looked_up(uint64_t sequence, const proto::Reply& x);

  void answer_all();

  void consider_snapshot();

  void ask(proto::Request x, std::function<void(const proto::Reply&)> f);

  void say(proto::ServiceStatus status, std::string why = {});

  /// Ends: nothing is answered any more.
  void finish(proto::ServiceStatus status, std::string why);

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "native_run";

  native_run_actor::pointer self;

  native_run_options options;

  journal_place place;

  /// As the journal said last.
  proto::JournalHead head;

  std::optional<native_core> core;

  std::map<uint64_t, service_answer_handler> tickets;

  uint64_t last_ticket = 0;

  /// When this object did.
  clock::time_point began{};

  std::chrono::milliseconds pause{0};

  bool leaving = false;

  bool over = false;

  bool snapshot_under_way = false;

  std::chrono::milliseconds snapshot_pause{0};

  clock::time_point snapshot_not_before{};

  bool ticking = false;
};

/// Runs a native service. Its code may block: spawn with `caf::detached`.
/// @param self The actor itself.
native_run_actor::behavior_type
native_run(native_run_actor::stateful_pointer<native_run_state> self,
           native_run_options options);

} // namespace coppice

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::native_call)

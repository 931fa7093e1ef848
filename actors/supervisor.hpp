// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/tree_report.hpp"
#include "runtime/error.hpp"
#include "runtime/supervise/restart_policy.hpp"

#include <caf/actor.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/atom.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace coppice {

/// A child of a SUPERVISOR.
struct supervised_child {
  child_spec spec;
  /// Starts it. Called by the SUPERVISOR, again for each restart, in the order
  /// of the children: it may use what those before it have left. An error is a
  /// failure of the child.
  std::function<result<caf::actor>()> start;
  /// It has parts itself, and tells them when it is asked for its tree.
  bool has_parts = false;
};

/// What became of a child that was to be started.
struct started_child {
  /// Invalid: it was not.
  caf::actor handle{};
  std::optional<error> why{};
};

/// The children that a SUPERVISOR is to stop, one after another.
struct stop_order {
  std::vector<std::string> names{};
};

/// SUPERVISOR: starts its children and, by its strategy, starts them again when
/// they end.
using supervisor_actor = api_actor::extend<
  // Starts one more child, behind the others. One that cannot be started at
  // first is forgotten and not a failure.
  caf::replies_to<supervised_child>::with<started_child>,
  // Stops these and, from then on, starts nothing again and bears everything:
  // all is about to end. Answered when they have ended.
  caf::replies_to<stop_order>::with<bool>>;

/// A child did not stop in time.
struct overdue_stop {
  /// See `supervisor_state::child::stop_number`.
  uint64_t number = 0;
};

/// SUPERVISOR with its messages to itself.
using supervisor_impl = supervisor_actor::extend<caf::reacts_to<overdue_stop>>;

/// What SUPERVISOR is told when it starts.
struct supervisor_options {
  /// For people.
  std::string name;
  supervision_limits limits{};
  /// Called when too much has failed, with the reason, before the children are
  /// stopped.
  std::function<void(const caf::error&)> on_give_up = [](const caf::error&) {};
};

/// The state of SUPERVISOR.
struct supervisor_state {
  // -- member types -----------------------------------------------------------

  struct child {
    supervised_child what;
    caf::actor handle{};
    uint32_t restarts = 0;
    /// Unix time in milliseconds.
    int64_t since_ms = 0;
    std::string last_end{};
    /// It was told to stop; 0: it was not.
    uint64_t stop_number = 0;
    /// And then killed, as it did not.
    bool killed = false;
  };

  /// A child that ended by itself, or could not be started.
  struct failure {
    std::string name;
    child_end how = child_end::failure;
    std::string why;
  };

  // -- constructors, destructors, and assignment operators --------------------

  explicit supervisor_state(supervisor_impl::pointer selfptr) : self(selfptr) {}

  supervisor_state(const supervisor_state&) = delete;

  supervisor_state& operator=(const supervisor_state&) = delete;

  /// Kills the children that it could not stop.
  ~supervisor_state();

  // -- handlers ---------------------------------------------------------------

  void init(supervisor_options xs, std::vector<supervised_child> ys);

  caf::result<started_child> on_start(supervised_child& x);

  caf::result<bool> on_stop(stop_order& x);

  caf::result<proto::Reply> on_request(const proto::Request& x);

  void on_overdue(uint64_t number);

  void on_down(const caf::down_msg& x);

  void on_exit(const caf::exit_msg& x);

  // -- parts of the handlers --------------------------------------------------

  /// Goes on with what is to be done, as far as nothing has to be waited for.
  void advance();

  /// Stops the next child that is to be stopped.
  /// @returns Whether there is one to be waited for.
  bool stop_next();

  /// Starts the next child that is to be started.
  void start_next();

  /// Judges the oldest failure.
  void judge();

  /// @returns Why it could not be started, if so.
  std::optional<error> start(child& x);

  void give_up(const failure& last);

  /// Begins to end.
  void end(caf::error why);

  /// Forgets temporary children that have ended.
  void forget();

  child* find(const std::string& name_of_it);

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "supervisor";

  supervisor_impl::pointer self;

  supervisor_options options;

  std::optional<restart_policy> policy;

  /// In the order in which they start.
  std::vector<child> children;

  std::deque<std::string> to_stop;

  std::deque<std::string> to_start;

  std::deque<failure> failures;

  uint64_t stops = 0;

  /// Nothing is started any more.
  bool closing = false;

  /// Why it ends, as soon as all children have.
  std::optional<caf::error> end_reason;

  /// Who waits until `to_stop` is empty.
  std::vector<caf::typed_response_promise<bool>> waiting;
};

/// Supervises children, as `restart_policy` says. When one cannot be borne any
/// more, or if it is told to exit, it stops all of them in reverse order: each
/// is told to (`user_shutdown`), killed if it takes longer than its time, and
/// left alone if that does not help either. Then it ends itself; its end names
/// the child and why that ended. Children end with it in any case.
/// @param self The actor itself.
/// @param options Who it is and what it bears.
/// @param children Whom it starts first. If one cannot be started, that is a
///                 failure like any other.
supervisor_impl::behavior_type
supervisor(supervisor_impl::stateful_pointer<supervisor_state> self,
           supervisor_options options, std::vector<supervised_child> children);

} // namespace coppice

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::supervised_child)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::started_child)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::stop_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::overdue_stop)

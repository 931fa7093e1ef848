// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/launcher.pb.h"
#include "runtime/error.hpp"
#include "runtime/launch/frame.hpp"
#include "runtime/launch/unique_fd.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <cstdint>
#include <string>
#include <thread>
#include <unordered_map>

namespace coppice {

/// What the launcher says of a command.
struct launch_event {
  proto::LaunchEvent event;
};

/// Whoever started a command.
using launch_observer = caf::typed_actor<caf::reacts_to<launch_event>>;

/// Starts a command; all that becomes of it goes to *observer*.
struct launch_command {
  /// Its id is unique in this process, see `next_launch_id`.
  proto::StartCommand start;
  launch_observer observer;
};

/// Stops a command.
struct stop_command {
  proto::StopCommand stop;
};

/// Has a command go on for longer that has an end.
struct renew_command {
  proto::RenewCommand renew;
};

/// The LAUNCHER_LINK of a node: its end of the socket to the launcher.
using launcher_actor = caf::typed_actor<caf::reacts_to<launch_command>,
                                        caf::reacts_to<stop_command>,
                                        caf::reacts_to<renew_command>>;

/// The launcher said something, or (false) its end of the socket is closed.
struct launcher_heard {
  proto::LaunchEvent event;
  bool open = true;
};

/// LAUNCHER_LINK with its own thread that reads.
using launcher_link_impl
  = launcher_actor::extend<caf::reacts_to<launcher_heard>>;

/// The state of LAUNCHER_LINK.
struct launcher_link_state {
  // -- constructors, destructors, and assignment operators --------------------

  explicit launcher_link_state(launcher_link_impl::pointer selfptr)
    : self(selfptr) {}

  ~launcher_link_state();

  // -- handlers ---------------------------------------------------------------

  void on_launch(launch_command& x);

  void on_stop(const stop_command& x);

  void on_renew(const renew_command& x);

  void on_heard(launcher_heard& x);

  // -- parts of the handlers --------------------------------------------------

  /// Writes all of *x*; quits where that fails.
  result<> send(const proto::LaunchRequest& x);

  /// Ends LAUNCHER_LINK: without a launcher the node must not go on.
  void give_up(const std::string& why);

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "launcher_link";

  launcher_link_impl::pointer self;

  unique_fd socket;

  /// Who is told of a command that has not ended.
  std::unordered_map<uint64_t, launch_observer> observers;

  std::thread reader;
};

/// Speaks to the launcher. Writing blocks: spawn with `caf::detached`.
///
/// Quits with `caf::exit_reason::remote_link_unreachable` when the launcher is
/// gone. Whoever spawned it then ends the node: nobody else can start commands,
/// or knows which still run.
/// @param self The actor itself.
/// @param socket One end of a stream socket pair; belongs to LAUNCHER_LINK from
///               now on.
launcher_link_impl::behavior_type
launcher_link(launcher_link_impl::stateful_pointer<launcher_link_state> self,
              int socket);

/// Returns an id for a command that no other one of this process has.
uint64_t next_launch_id();

} // namespace coppice

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::launch_event)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::launch_command)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::renew_command)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::stop_command)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::launcher_heard)

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/messages.hpp"
#include "runtime/error.hpp"

#include <caf/actor_system_config.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/io/middleman_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <future>
#include <memory>
#include <set>
#include <string>

namespace coppice {

/// One attempt to connect.
struct link_dial {
  /// Where, as people know it: for messages.
  std::string address;
  /// Numeric.
  std::string host;
  uint16_t port = 0;
  std::promise<result<>> answer;
};

/// One time that a request is sent. LINK keeps the promise; the client may have
/// lost interest by then.
struct link_sending {
  std::shared_ptr<const proto::Request> request;
  std::promise<result<proto::Reply>> answer;
};

using link_dial_ptr = std::shared_ptr<link_dial>;

using link_sending_ptr = std::shared_ptr<link_sending>;

/// The state of LINK.
struct client_link_state {
  // -- constructors, destructors, and assignment operators --------------------

  explicit client_link_state(caf::event_based_actor* selfptr) : self(selfptr) {}

  // -- handlers ---------------------------------------------------------------

  void on_dial(link_dial_ptr x);

  void on_connected(const link_dial_ptr& x, caf::strong_actor_ptr peer,
                    const std::set<std::string>& interface);

  void on_sending(link_sending_ptr x);

  void on_down();

  // -- errors -----------------------------------------------------------------

  error no_cluster(ec code, const std::string& why) const;

  error lost() const;

  /// Says what CAF means when a connect fails.
  error connect_failure(const caf::error& x) const;

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "client_link";

  caf::event_based_actor* self;

  std::string address;

  caf::io::middleman_actor middleman;

  api_actor api;

  std::set<link_sending_ptr> pending;
};

/// The client's end of the connection to a manager. CAF 0.17 never answers a
/// request when the connection is lost: LINK watches the peer and fails what is
/// on its way. It has no deadlines; the client's thread has.
/// @param address The first manager's, as people know it: for messages.
caf::behavior client_link(caf::stateful_actor<client_link_state>* self,
                          std::string address);

/// The configuration of a client's actor system: few threads, a connection
/// that notices silence, and no config file.
struct client_system_config : caf::actor_system_config {
  client_system_config();
};

} // namespace coppice

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::link_dial_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::link_sending_ptr)

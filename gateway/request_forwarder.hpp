// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/cluster_link.hpp"
#include "gateway/forward/route_table.hpp"

#include <caf/atom.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

namespace coppice {

/// REQUEST_FORWARDER: knows where the services are.
using request_forwarder_actor = caf::typed_actor<caf::reacts_to<node_news>>;

/// REQUEST_FORWARDER with its messages to itself.
using request_forwarder_impl
  = request_forwarder_actor::extend<caf::reacts_to<atom::tick>,
                                    caf::reacts_to<caf::put_atom, uint64_t>>;

/// What REQUEST_FORWARDER is told when it starts.
struct request_forwarder_options {
  /// Whom it asks.
  cluster_link_actor cluster;
  /// Told where the services are, at first and whenever that changes.
  std::function<void(forward::route_table_ptr)> publish;
  /// Where that is kept for the next start.
  std::filesystem::path file;
  /// How long a manager may wait for a change.
  std::chrono::milliseconds wait{10'000};
  /// Before it asks again where nobody could say.
  std::chrono::milliseconds pause{200};
  /// What was said last is kept when no news has followed for so long: while it
  /// is written, on a disk that may be slow, no news is taken.
  std::chrono::milliseconds save_after{1'000};
};

/// The state of REQUEST_FORWARDER. Follows the services at a manager, goes on
/// with what it knows while none answers, and has the routes made of that.
struct request_forwarder_state {
  // -- constructors, destructors, and assignment operators --------------------

  explicit request_forwarder_state(request_forwarder_impl::pointer selfptr)
    : self(selfptr) {}

  // -- handlers ---------------------------------------------------------------

  void on_news(const node_news& x);

  /// Asks where the services are.
  void ask();

  // -- parts of the handlers --------------------------------------------------

  /// Takes what the last start knew.
  void load();

  void save() const;

  void on_reply(proto::Reply& x, caf::actor_clock::time_point asked);

  /// Asks again after a pause.
  void again();

  void publish();

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "request_forwarder";

  request_forwarder_impl::pointer self;

  request_forwarder_options options;

  /// What a manager said; 0: none has since this start.
  uint64_t known = 0;

  proto::ServicesReply services;

  /// Nodes that are down, with their last start.
  std::map<std::string, uint64_t> down;
};

/// Follows where the services are.
/// @param self The actor itself. It writes a file, so spawn it with
///             `caf::detached` outside of tests.
request_forwarder_impl::behavior_type request_forwarder(
  request_forwarder_impl::stateful_pointer<request_forwarder_state> self,
  request_forwarder_options options);

} // namespace coppice

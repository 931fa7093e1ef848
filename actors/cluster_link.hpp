// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/local_messages.hpp"
#include "actors/worker_link.hpp"

#include <caf/actor_addr.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/atom.hpp>
#include <caf/response_promise.hpp>
#include <caf/result.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

namespace coppice {

/// To CLUSTER_LINK, from itself: asks again.
struct link_retry {
  uint64_t number = 0;
};

/// To CLUSTER_LINK, from itself: whoever waits for a manager waits no longer.
struct link_give_up {
  uint64_t number = 0;
};

/// CLUSTER_LINK: has requests answered by the cluster, from any part of a node.
using cluster_link_actor = api_actor;

/// CLUSTER_LINK with its messages to itself.
using cluster_link_impl
  = cluster_link_actor::extend<caf::reacts_to<link_retry>,
                               caf::reacts_to<link_give_up>,
                               // Looks for a manager again.
                               caf::reacts_to<caf::connect_atom>>;

/// What CLUSTER_LINK is told when it starts.
struct cluster_link_options {
  /// Whom it asks: the DIRECTORY of this node if it is a manager's, or who
  /// finds one.
  manager_contacts managers;
  /// Parts of a node begin with managers of their own: see WORKER_LINK.
  std::string turn;
  /// How long an answer may take once somebody was asked.
  std::chrono::milliseconds answer{28'000};
  /// How long to ask again where nobody leads or can be reached: longer than an
  /// election.
  std::chrono::milliseconds patience{5'000};
  /// Pauses between attempts, doubled from the first to the last.
  std::chrono::milliseconds first_pause{25};
  std::chrono::milliseconds last_pause{400};
};

/// The state of CLUSTER_LINK. Asks again as the client library does: where that
/// may help, and is safe. Each request is answered, by a refusal at the worst.
struct cluster_link_state {
  // -- member types -----------------------------------------------------------

  using ms = std::chrono::milliseconds;

  /// A question whose answer is not known yet.
  struct question {
    proto::Request request;
    caf::typed_response_promise<proto::Reply> answer;
    /// Waits for a manager, or for its next attempt.
    bool waiting = false;
    /// Whom it went to, if it does not wait.
    caf::actor_addr whom;
    /// Answers to former ones do not count.
    uint32_t attempt = 0;
    bool gives_up = false;
    caf::actor_clock::time_point patience_ends;
    ms pause{0};
  };

  // -- constructors, destructors, and assignment operators --------------------

  explicit cluster_link_state(cluster_link_impl::pointer selfptr)
    : self(selfptr) {}

  // -- handlers ---------------------------------------------------------------

  caf::result<proto::Reply> on_request(proto::Request& x);

  void on_retry(uint64_t number);

  void on_give_up(uint64_t number);

  void on_connect();

  void on_down(const caf::down_msg& x);

  // -- parts of the handlers --------------------------------------------------

  void on_manager(directory_actor x);

  void attempt(uint64_t number);

  void on_reply(uint64_t number, proto::Reply& x);

  void on_error(uint64_t number, const caf::error& why);

  /// Another manager may know better than who was asked; what that was asked
  /// before it may still answer.
  void look_elsewhere(const question& x);

  /// Returns whether this is the last attempt of a question that is open.
  bool is_current(uint64_t number, uint32_t attempt) const;

  /// Asks again after a pause.
  /// @returns False if that is not safe, or has lasted too long.
  bool again(uint64_t number, question& x);

  void settle(uint64_t number, proto::Reply x);

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "cluster_link";

  cluster_link_impl::pointer self;

  cluster_link_options options;

  /// Who is asked; invalid while one is looked for. Monitored, unless it is of
  /// this node.
  api_actor directory;

  bool connecting = false;

  std::map<uint64_t, question> open;

  uint64_t last_question = 0;
};

/// Has requests answered by the cluster.
/// @param self The actor itself.
cluster_link_impl::behavior_type
cluster_link(cluster_link_impl::stateful_pointer<cluster_link_state> self,
             cluster_link_options options);

} // namespace coppice

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::link_retry)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::link_give_up)

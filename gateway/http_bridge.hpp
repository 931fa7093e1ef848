// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/local_messages.hpp"
#include "actors/worker_link.hpp"
#include "gateway/api/routes.hpp"
#include "gateway/api/stream.hpp"
#include "gateway/http/message.hpp"

#include <caf/actor_addr.hpp>
#include <caf/atom.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string_view>

namespace coppice {

/// A request of the API that somebody waits for.
struct api_call {
  api::routed_call request;
  http::exchange_ptr reply;
};

/// To HTTP_BRIDGE: answered by way of the exchange, always.
using api_call_ptr = std::shared_ptr<api_call>;

/// To HTTP_BRIDGE, from itself: asks again.
struct bridge_retry {
  uint64_t number = 0;
};

/// To HTTP_BRIDGE, from itself: whoever waits for a manager waits no longer.
struct bridge_give_up {
  uint64_t number = 0;
};

/// To HTTP_BRIDGE, from whoever sends a part of an answer: it was sent, or its
/// client is gone. From itself: a pause is over.
struct bridge_resume {
  uint64_t stream = 0;
  bool sent = true;
  std::chrono::milliseconds pause{0};
};

/// HTTP_BRIDGE: has the requests of the HTTP API answered by the cluster.
using http_bridge_actor = caf::typed_actor<caf::reacts_to<api_call_ptr>>;

/// HTTP_BRIDGE with its messages to itself.
using http_bridge_impl
  = http_bridge_actor::extend<caf::reacts_to<bridge_retry>,
                              caf::reacts_to<bridge_give_up>,
                              caf::reacts_to<bridge_resume>,
                              // Asks which tokens there are.
                              caf::reacts_to<caf::tick_atom>,
                              // Looks for a manager again.
                              caf::reacts_to<caf::connect_atom>>;

/// What HTTP_BRIDGE is told when it starts.
struct http_bridge_options {
  /// Whom it asks: the DIRECTORY of this node if it is a manager's, or who
  /// finds one.
  manager_contacts managers;
  /// How long an answer may take once somebody was asked.
  std::chrono::milliseconds answer{28'000};
  /// How long to ask again where nobody leads or can be reached: longer than an
  /// election.
  std::chrono::milliseconds patience{5'000};
  /// Pauses between attempts, doubled from the first to the last.
  std::chrono::milliseconds first_pause{25};
  std::chrono::milliseconds last_pause{400};
  /// Told the tokens of the cluster at first and then every *refresh*, as long
  /// as a manager answers; may be null.
  std::function<void(const proto::TokensReply&)> on_tokens;
  std::chrono::milliseconds refresh{2'000};
};

/// The state of HTTP_BRIDGE. Asks again as the client library does: where that
/// may help, and is safe.
struct http_bridge_state {
  // -- member types -----------------------------------------------------------

  using ms = std::chrono::milliseconds;

  using reply_handler = std::function<void(proto::Reply&)>;

  /// A question whose answer is not known yet.
  struct question {
    proto::Request request;
    /// Called once.
    reply_handler answer;
    /// Asked once: what the first answer says counts.
    bool once = false;
    /// Waits for a manager.
    bool waiting = false;
    /// Whom it went to, if it does not wait.
    caf::actor_addr whom;
    /// Answers to former ones do not count.
    uint32_t attempt = 0;
    bool gives_up = false;
    caf::actor_clock::time_point patience_ends;
    ms pause{0};
  };

  /// An answer that comes in parts.
  struct streaming {
    api::stream_ptr what;
    http::exchange_ptr to;
    std::string_view operation;
  };

  // -- constructors, destructors, and assignment operators --------------------

  explicit http_bridge_state(http_bridge_impl::pointer selfptr)
    : self(selfptr) {}

  // -- handlers ---------------------------------------------------------------

  void on_call(const api_call_ptr& x);

  void on_retry(uint64_t number);

  void on_give_up(uint64_t number);

  void on_resume(const bridge_resume& x);

  void on_connect();

  void on_tick();

  void on_down(const caf::down_msg& x);

  void on_manager(directory_actor x);

  // -- parts of the handlers --------------------------------------------------

  void answer_question(const api_call_ptr& x, const api::question& how);

  void begin_stream(const api_call_ptr& x, const api::streaming& how);

  /// Asks for the next part of an answer.
  void advance(uint64_t number);

  void on_part(uint64_t number, const proto::Reply& x);

  /// Asks the cluster.
  /// @param f Called once, with the answer or why there is none.
  void ask(proto::Request x, bool once, reply_handler f);

  void attempt(uint64_t number);

  /// Returns the question, if this is its last attempt and not answered yet.
  question* asked(uint64_t number, uint32_t attempt);

  void on_reply(uint64_t number, proto::Reply& x);

  void on_error(uint64_t number, const caf::error& why);

  /// Asks again after a pause.
  /// @returns False if that is not safe, or has lasted too long.
  bool again(uint64_t number, question& x);

  void settle(uint64_t number, proto::Reply& x);

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "http_bridge";

  http_bridge_impl::pointer self;

  http_bridge_options options;

  /// Who is asked; invalid while one is looked for. Monitored, unless it is of
  /// this node.
  api_actor directory;

  bool connecting = false;

  /// It was asked which tokens there are, and not answered yet.
  bool asks_tokens = false;

  /// The last such question had no answer, and it is said so in the log.
  bool lacks_tokens = false;

  std::map<uint64_t, question> open;

  uint64_t last_question = 0;

  std::map<uint64_t, streaming> streams;

  uint64_t last_stream = 0;
};

/// Has the requests of the HTTP API answered by the cluster.
/// @param self The actor itself.
http_bridge_impl::behavior_type
http_bridge(http_bridge_impl::stateful_pointer<http_bridge_state> self,
            http_bridge_options options);

} // namespace coppice

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::api_call_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::bridge_retry)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::bridge_give_up)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::bridge_resume)

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/cluster_link.hpp"
#include "gateway/api/routes.hpp"
#include "gateway/api/stream.hpp"
#include "gateway/http/message.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/atom.hpp>
#include <caf/duration.hpp>
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
  = http_bridge_actor::extend<caf::reacts_to<bridge_resume>,
                              // Asks what is to be known all the time.
                              caf::reacts_to<caf::tick_atom>>;

/// What HTTP_BRIDGE is told when it starts.
struct http_bridge_options {
  /// Whom it asks.
  cluster_link_actor cluster;
  /// How long it is tried to find out whether the node is ready.
  std::chrono::milliseconds probe{500};
  /// Told the tokens of the cluster at first and then every *refresh*, as long
  /// as a manager answers; may be null.
  std::function<void(const proto::TokensReply&)> on_tokens;
  std::chrono::milliseconds refresh{2'000};
  /// Told how many regenerations came to what, as often; may be null.
  std::function<void(const proto::RegenerationsReply&)> on_regenerations;
};

/// The state of HTTP_BRIDGE.
struct http_bridge_state {
  // -- member types -----------------------------------------------------------

  using reply_handler = std::function<void(const proto::Reply&)>;

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

  void on_resume(const bridge_resume& x);

  void on_tick();

  // -- parts of the handlers --------------------------------------------------

  /// Asks which tokens there are.
  void ask_tokens();

  void ask_regenerations();

  void answer_question(const api_call_ptr& x, const api::question& how);

  void begin_stream(const api_call_ptr& x, const api::streaming& how);

  /// Asks for the next part of an answer.
  void advance(uint64_t number);

  void on_part(uint64_t number, const proto::Reply& x);

  /// Asks the cluster.
  /// @param f Called once, with the answer or why there is none.
  void ask(proto::Request x, caf::duration longest, reply_handler f);

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "http_bridge";

  http_bridge_impl::pointer self;

  http_bridge_options options;

  /// It was asked which tokens there are, and not answered yet.
  bool asks_tokens = false;

  /// The last such question had no answer, and it is said so in the log.
  bool lacks_tokens = false;

  /// It was asked what was regenerated, and not answered yet.
  bool asks_regenerations = false;

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
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::bridge_resume)

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/node_config.hpp"
#include "proto/api.pb.h"
#include "runtime/error.hpp"
#include "runtime/task/idempotency_key.hpp"
#include "runtime/task/request_rules.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace coppice {

/// How a client finds a cluster, and how long it tries.
struct client_options {
  using ms = std::chrono::milliseconds;

  /// A manager's node port.
  host_port address{"127.0.0.1", 7401};
  /// Other managers, asked in turn while nobody answers at *address*. Each of
  /// them knows who leads.
  std::vector<host_port> others;
  /// How long to try before the first answer. Below 5 s by default, so that a
  /// cluster that is not there is an error within 5 s.
  ms patience{4'000};
  /// How long to try again when the connection is lost after that: enough for
  /// a node that starts again.
  ms persistence{60'000};
  /// How long to wait for the answer of a node that shows that it lives.
  ms answer{30'000};
};

/// Connects to a manager and asks it; follows to the one that leads. Owned and
/// used by one thread.
///
/// Requests are sent again when the connection is lost or the node says that
/// it does not lead or has too much to do, unless a repetition could do harm:
/// see `is_repeatable`.
class client {
public:
  // -- member types -----------------------------------------------------------

  /// A request that was sent and whose answer is not known yet.
  class call;

  using call_ptr = std::shared_ptr<call>;

  /// Told each time that an attempt to get an answer failed and another one
  /// follows.
  using trouble_listener = std::function<void(const error&)>;

  // -- constructors, destructors, and assignment operators --------------------

  explicit client(client_options options);

  client(const client&) = delete;

  client& operator=(const client&) = delete;

  /// Disconnects. If CAF is stuck in a connect, its threads are left alone
  /// until the process ends.
  ~client();

  // -- modifiers --------------------------------------------------------------

  /// Connects unless there is a connection, so that what `begin` sends is on
  /// its way at once.
  /// @returns `unreachable` or `protocol_violation`, as `ask`.
  result<> connect();

  /// Asks and waits for the answer.
  /// @returns the answer, which may be a refusal; `unreachable` if nobody
  ///          answers at the address, `protocol_violation` if somebody else
  ///          does, `deadline_exceeded` if the node lives but did not answer.
  result<proto::Reply> ask(proto::Request request);

  /// Sends *request* if there is a connection. Several may be on their way.
  call_ptr begin(proto::Request request);

  /// Waits for the answer to *x*; connects and sends it (again) if need be.
  /// @returns what `ask` returns.
  result<proto::Reply> finish(const call_ptr& x);

  /// Replaces the listener.
  void on_trouble(trouble_listener f);

  // -- properties -------------------------------------------------------------

  const client_options& options() const noexcept;

private:
  struct impl;

  std::unique_ptr<impl> impl_;
};

/// Tries whether somebody listens at *address*, without CAF, whose own connect
/// can block for minutes.
/// @returns the numeric address; `unreachable` with the reason.
result<std::string> probe(const host_port& address,
                          std::chrono::milliseconds timeout);

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "gateway/http/message.hpp"
#include "runtime/error.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace coppice::http {

class companion;

/// What clients may do, and how long they may take.
struct server_limits {
  using ms = std::chrono::milliseconds;

  /// Request line and headers. More is answered with 431.
  uint32_t header_bytes = 16 * 1024;
  /// One body. More is answered with 413.
  uint64_t body_bytes = 8 * 1024 * 1024;
  /// All bodies that are being read, together. More is answered with 503.
  uint64_t bodies_bytes = 128 * 1024 * 1024;
  /// More than these are answered with 503 and closed.
  size_t connections = 1'000;
  /// For the headers of a request from its first byte, however they drip.
  ms header{10'000};
  /// For the body of a request.
  ms body{30'000};
  /// Between two requests of a connection.
  ms idle{60'000};
  /// Once the server stops, for one more request of a connection that waits for
  /// one: it is answered, and told that it was the last. 0: it is closed at
  /// once, and a client that is just sending one does not know whether it came.
  ms last_request{500};
  /// For a client to take what is sent to it, each part of an answer.
  ms write{30'000};
};

/// What the server found out about a request when its answer begins.
struct answered {
  /// `response::operation`; empty: refused before anybody knew.
  std::string_view operation;
  unsigned status = 0;
  /// From the last byte of the request on.
  std::chrono::nanoseconds took{};
};

/// Numbers of a server, for metrics.
struct server_counts {
  /// Open now.
  size_t connections = 0;
  uint64_t accepted = 0;
  /// Closed at once: too many.
  uint64_t turned_away = 0;
};

/// Where and how a server serves.
struct server_options {
  /// A name is resolved once.
  std::string host = "127.0.0.1";
  /// 0: any free one.
  uint16_t port = 0;
  /// One that listens already, instead of host and port; the server closes it.
  /// -1: none.
  int socket = -1;
  server_limits limits{};
  /// Called on the server's thread for each answer; must not block.
  std::function<void(const answered&)> observe{};
  /// Shares the thread of the server, which lets go of it when it has stopped.
  std::shared_ptr<companion> beside{};
};

/// An HTTP/1.1 server with a thread of its own: keep-alive, pipelining, bodies
/// in chunks. It answers by itself what is malformed, too large or too slow,
/// with problem JSON; all else is up to the handler.
class server {
public:
  // -- constructors, destructors, and assignment operators --------------------

  /// Listens and serves.
  /// @returns `system_failure` that says why it cannot listen.
  static result<std::unique_ptr<server>> start(server_options options,
                                               handler f);

  /// Stops at once, unless `stop` did.
  ~server();

  server(const server&) = delete;

  server& operator=(const server&) = delete;

  // -- modifiers --------------------------------------------------------------

  /// Takes no more connections, and no more requests than one of each that
  /// waits for one. Requests that have come are answered within *grace*, bodies
  /// that come in parts are cut off. Then nothing is open, and the handler is
  /// not called any more. Blocks that long.
  void stop(std::chrono::milliseconds grace);

  // -- properties -------------------------------------------------------------

  uint16_t port() const noexcept;

  server_counts counts() const noexcept;

private:
  struct impl;

  explicit server(std::unique_ptr<impl> x);

  std::unique_ptr<impl> impl_;
};

} // namespace coppice::http

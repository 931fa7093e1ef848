// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <boost/asio/io_context.hpp>

#include <memory>

namespace coppice::http {

/// What runs on the thread of a server beside it, with sockets and timers of
/// its own.
class companion {
public:
  virtual ~companion() = default;

  /// Called before the server serves. Who keeps *io* has to let go of it in
  /// `end`.
  virtual void begin(std::shared_ptr<boost::asio::io_context> io) = 0;

  /// The server stops: what has come is to be answered soon. On its thread.
  virtual void drain() = 0;

  /// The server has stopped, and its thread ended: closes everything.
  virtual void end() = 0;
};

} // namespace coppice::http

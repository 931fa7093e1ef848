// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/launcher.pb.h"
#include "runtime/launch/frame.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace coppice {

/// The launcher's end of its socket to the node. Nothing in it blocks.
class launcher_channel {
public:
  // -- constructors, destructors, and assignment operators --------------------

  /// @param socket Owned by the caller.
  explicit launcher_channel(int socket) : socket_(socket) {}

  // -- modifiers --------------------------------------------------------------

  /// Reads what is there.
  /// @returns the requests that are whole by now.
  std::vector<proto::LaunchRequest> receive();

  /// Has *x* sent by the next `flush`.
  void send(const proto::LaunchEvent& x);

  /// Sends what the socket takes.
  void flush();

  /// Gives the node up.
  /// @param why Goes to the standard error unless it is null.
  void disconnect(const char* why);

  // -- properties -------------------------------------------------------------

  int socket() const noexcept {
    return socket_;
  }

  bool connected() const noexcept {
    return connected_;
  }

  /// Returns what to wait for with `poll`.
  short poll_events() const noexcept;

  /// Returns whether so much waits for the node that its commands should wait
  /// as well.
  bool is_congested() const noexcept;

private:
  // -- member variables -------------------------------------------------------

  int socket_;

  bool connected_ = true;

  frame_reader reader_;

  /// Frames for the node; the first `sent_` bytes are sent.
  std::string outbox_;

  size_t sent_ = 0;
};

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/peer.pb.h"
#include "runtime/error.hpp"
#include "storage/consensus/peer_message.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace coppice {

/// Returns *x* as it travels.
proto::PeerMessage encode(const peer_message& x);

/// Returns what *x* says.
/// @returns `protocol_violation` if it is nothing of that kind, or its numbers
///          are none of ours. Whether it makes sense is for the replica.
result<peer_message> decode_peer_message(const proto::PeerMessage& x);

/// Cuts messages that are too large to let others pass.
class message_cutter {
public:
  explicit message_cutter(size_t max_bytes) : max_bytes_(max_bytes) {
    // nop
  }

  /// Returns *x*, or its parts in order.
  std::vector<proto::PeerMessage> cut(proto::PeerMessage x);

private:
  size_t max_bytes_;
  uint64_t number_ = 0;
};

/// Puts together what a `message_cutter` has cut. Holds one message of each
/// sender: its parts come in order or not at all, as those of another message
/// between them never do.
class message_joiner {
public:
  /// @param max_bytes Longer messages are dropped.
  explicit message_joiner(size_t max_bytes) : max_bytes_(max_bytes) {
    // nop
  }

  /// Takes a message, and returns it if it is whole now.
  /// @returns `protocol_violation` if it does not continue what came before:
  ///          the whole message is lost then.
  result<std::optional<proto::PeerMessage>> join(proto::PeerMessage x);

private:
  struct partial {
    uint64_t number = 0;
    uint32_t next = 0;
    std::string bytes;
  };

  /// More senders than a group has members are not ours.
  static constexpr size_t max_senders = 16;

  size_t max_bytes_;
  std::map<uint64_t, partial> open_; ///< By sender.
};

} // namespace coppice

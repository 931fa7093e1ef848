// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstddef>
#include <cstdint>

namespace coppice::net {

/// Finds, in what comes in over one connection, the headers that CAF 0.17.6
/// does not survive.
///
/// CAF checks few of a header's fields before it acts on them: it fills as many
/// bytes of memory with zeros as a header announces, 4 GiB at the worst, while
/// all other connections wait; it reads the payload of a handshake that has
/// none; and it accepts messages from who never introduced himself.
class frame_guard {
public:
  /// What a handshake must be the first frame of.
  enum class side : uint8_t {
    /// We dialled: the server speaks first.
    dialled,
    /// We were called, and a client answers our handshake.
    accepted,
  };

  /// Size of a header in bytes.
  static constexpr size_t header_size = 32;

  /// The largest payload of a handshake in bytes. It has names and little else,
  /// and comes from strangers.
  static constexpr uint32_t max_handshake = 64u << 10;

  /// The largest payload of any other frame in bytes: far above what nodes send
  /// each other.
  static constexpr uint32_t max_payload = 256u << 20;

  explicit frame_guard(side x) : side_(x) {}

  /// Looks at the next piece of input as CAF cuts it: a header, or the payload
  /// that the header before it announced.
  /// @returns whether CAF may have it.
  bool admit(const char* data, size_t size);

private:
  side side_;
  bool introduced_ = false;
  bool payload_next_ = false;
};

} // namespace coppice::net

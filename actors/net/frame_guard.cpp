// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/net/frame_guard.hpp"

namespace coppice::net {

namespace {

// The fields of a header that matter here, and where they lie: the protocol is
// described in CAF 0.17.6, caf/io/basp/header.hpp and message_type.hpp.
constexpr size_t operation_at = 0;
constexpr size_t payload_length_at = 4;
constexpr uint8_t server_handshake = 0;
constexpr uint8_t client_handshake = 1;

uint8_t byte_at(const char* data, size_t i) {
  return static_cast<uint8_t>(data[i]);
}

uint32_t payload_length(const char* data) {
  uint32_t x = 0;
  for (size_t i = 0; i < sizeof(x); ++i)
    x = x << 8 | byte_at(data, payload_length_at + i);
  return x;
}

} // namespace

bool frame_guard::admit(const char* data, size_t size) {
  if (payload_next_) {
    payload_next_ = false;
    return true;
  }
  if (size != header_size)
    return false;
  auto length = payload_length(data);
  auto operation = byte_at(data, operation_at);
  auto handshake
    = operation == server_handshake || operation == client_handshake;
  if (handshake && (length == 0 || length > max_handshake))
    return false;
  if (!introduced_) {
    auto expected
      = side_ == side::dialled ? server_handshake : client_handshake;
    if (operation != expected)
      return false;
    introduced_ = true;
  }
  payload_next_ = length > 0;
  return length <= max_payload;
}

} // namespace coppice::net

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/error.hpp"

#include <google/protobuf/message_lite.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace coppice {

/// The largest message that fits into a frame. It bounds what one end can make
/// the other one buffer.
inline constexpr size_t max_frame_bytes = size_t{32} << 20;

/// Appends *x* to *out* as one frame: 32-bit little-endian length, message.
/// @returns `invalid_argument` if *x* is larger than `max_frame_bytes`; *out*
///          is left as it was then.
result<> append_frame(std::string& out, const google::protobuf::MessageLite& x);

/// Cuts a stream of bytes into frames. Reads from nothing: the owner of the
/// descriptor passes in what arrives.
class frame_reader {
public:
  // -- modifiers --------------------------------------------------------------

  /// Takes what was read from the other end.
  void append(std::string_view bytes);

  /// Returns the next frame without its length, or nothing if it has not
  /// arrived in whole.
  ///
  /// The view lives until the next call of `append`.
  /// @returns `protocol_violation` for a length above `max_frame_bytes`; there
  ///          is no way to find the next frame after that.
  result<std::optional<std::string_view>> next();

  // -- properties -------------------------------------------------------------

  /// Returns how many bytes wait for the rest of their frame.
  size_t pending_bytes() const noexcept {
    return buffer_.size() - taken_;
  }

private:
  // -- member variables -------------------------------------------------------

  std::string buffer_;

  /// How much of the buffer `next` has handed out already.
  size_t taken_ = 0;
};

} // namespace coppice

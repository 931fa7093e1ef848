// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "gateway/http/message.hpp"

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

// How answers look on the wire. Pure.

namespace coppice::http {

/// What the server knows of an answer beside the answer itself.
struct framing {
  /// Of the request: 10 or 11.
  unsigned version = 11;
  /// The connection stays open for another request.
  bool keep_alive = true;
  /// Size of the body; nothing: it comes in parts.
  std::optional<uint64_t> size;
  std::time_t now = 0;
};

/// Returns whether an answer that comes in parts is sent in chunks; otherwise
/// the end of the connection ends it.
bool is_chunked(const framing& x);

/// Renders status line and headers. Nothing in *x* can end a line.
std::string render_head(const response& x, const framing& how);

/// Renders *part*, which is not empty, as a chunk.
std::string render_chunk(std::string_view part);

/// Ends a body in chunks.
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

/// Returns the name of a status, such as "Not Found"; of an unknown one "".
std::string_view status_name(unsigned status);

/// Returns *now* as in the header Date.
std::string http_date(std::time_t now);

} // namespace coppice::http

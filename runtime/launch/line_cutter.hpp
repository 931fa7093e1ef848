// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace coppice {

/// Cuts a stream of bytes into lines of bounded length.
///
/// Pure: the owner of the descriptor passes in what arrives.
class line_cutter {
public:
  // -- member types -----------------------------------------------------------

  struct line {
    /// Without the line feed.
    std::string text;
    /// The line was longer than the limit; the rest of it is lost.
    bool truncated = false;

    friend bool operator==(const line&, const line&) = default;
  };

  // -- constants --------------------------------------------------------------

  static constexpr size_t max_line_bytes = size_t{64} << 10;

  // -- modifiers --------------------------------------------------------------

  /// Takes what was read and appends the lines that it ends to *out*.
  void append(std::string_view bytes, std::vector<line>& out);

  /// Ends the stream: a last line without a line feed counts, too.
  void finish(std::vector<line>& out);

private:
  // -- member functions -------------------------------------------------------

  void extend(std::string_view bytes);

  // -- member variables -------------------------------------------------------

  line current_;
};

} // namespace coppice

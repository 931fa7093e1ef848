// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace coppice {

/// One character of a text.
struct utf8_character {
  /// Its number in Unicode.
  uint32_t point = 0;
  /// How many bytes it takes; 0: there is none.
  size_t size = 0;
};

/// Returns the character that *x* begins with, if that is valid UTF-8.
utf8_character first_utf8(std::string_view x) noexcept;

/// Returns the offset of the first byte of *x* that is no valid UTF-8, or its
/// size if there is none.
size_t first_invalid_utf8(std::string_view x) noexcept;

/// Returns whether *x* is UTF-8, strictly as RFC 3629 defines it: no overlong
/// forms, no surrogates, nothing above U+10FFFF.
bool is_valid_utf8(std::string_view x) noexcept;

/// Returns *x* with U+FFFD for each byte that is no part of a valid sequence.
std::string to_valid_utf8(std::string_view x);

/// Returns the longest prefix of *x* that has at most *max_size* bytes and ends
/// with a whole character.
/// @pre *x* is valid UTF-8.
std::string_view utf8_prefix(std::string_view x, size_t max_size) noexcept;

/// Returns *x* as `to_valid_utf8` does, cut to whole characters of at most
/// *max_size* bytes; of a long text no more is looked at than that needs.
std::string clean_utf8(std::string_view x, size_t max_size);

} // namespace coppice

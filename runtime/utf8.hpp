// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace coppice {

/// Returns whether *x* is UTF-8, strictly as RFC 3629 defines it: no overlong
/// forms, no surrogates, nothing above U+10FFFF.
bool is_valid_utf8(std::string_view x) noexcept;

/// Returns *x* with U+FFFD for each byte that is no part of a valid sequence.
std::string to_valid_utf8(std::string_view x);

/// Returns the longest prefix of *x* that has at most *max_size* bytes and ends
/// with a whole character.
/// @pre *x* is valid UTF-8.
std::string_view utf8_prefix(std::string_view x, size_t max_size) noexcept;

} // namespace coppice

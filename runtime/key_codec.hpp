// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace coppice {

/// Appends *x* big-endian, so that keys sort as numbers do.
template <class T>
void append_big_endian(std::string& out, T x) {
  for (auto shift = static_cast<int>(sizeof(T) * 8) - 8; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>((x >> shift) & 0xFF));
}

/// Reads a number that `append_big_endian` wrote.
/// @pre `in.size() >= at + sizeof(T)`
template <class T>
T read_big_endian(std::string_view in, size_t at) {
  T x = 0;
  for (size_t i = 0; i < sizeof(T); ++i)
    x = static_cast<T>((x << 8) | static_cast<unsigned char>(in[at + i]));
  return x;
}

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/utf8.hpp"

namespace coppice {

namespace {

/// Returns the size of the valid sequence that *x* begins with, or 0. The
/// bounds of the second byte are those of RFC 3629, section 4: they exclude
/// overlong forms, surrogates, and what is above U+10FFFF.
size_t sequence_size(std::string_view x) noexcept {
  auto byte = [=](size_t i) { return static_cast<unsigned char>(x[i]); };
  auto first = byte(0);
  if (first < 0x80)
    return 1;
  if (first < 0xC2 || first > 0xF4)
    return 0;
  size_t size = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (x.size() < size)
    return 0;
  unsigned low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  unsigned high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < low || byte(1) > high)
    return 0;
  for (size_t i = 2; i < size; ++i)
    if (byte(i) < 0x80 || byte(i) > 0xBF)
      return 0;
  return size;
}

} // namespace

utf8_character first_utf8(std::string_view x) noexcept {
  auto size = x.empty() ? 0 : sequence_size(x);
  if (size == 0)
    return {};
  auto byte = [=](size_t i) { return static_cast<unsigned char>(x[i]); };
  uint32_t point = size == 1 ? byte(0) : byte(0) & (0x7Fu >> size);
  for (size_t i = 1; i < size; ++i)
    point = (point << 6) | (byte(i) & 0x3Fu);
  return {point, size};
}

size_t first_invalid_utf8(std::string_view x) noexcept {
  size_t pos = 0;
  while (pos < x.size()) {
    auto n = sequence_size(x.substr(pos));
    if (n == 0)
      break;
    pos += n;
  }
  return pos;
}

bool is_valid_utf8(std::string_view x) noexcept {
  return first_invalid_utf8(x) == x.size();
}

std::string to_valid_utf8(std::string_view x) {
  std::string out;
  out.reserve(x.size());
  while (!x.empty()) {
    auto n = sequence_size(x);
    out += n > 0 ? x.substr(0, n) : "\xEF\xBF\xBD";
    x.remove_prefix(n > 0 ? n : 1);
  }
  return out;
}

std::string_view utf8_prefix(std::string_view x, size_t max_size) noexcept {
  if (x.size() <= max_size)
    return x;
  auto n = max_size;
  while (n > 0 && (static_cast<unsigned char>(x[n]) & 0xC0) == 0x80)
    --n;
  return x.substr(0, n);
}

std::string clean_utf8(std::string_view x, size_t max_size) {
  // A character that this splits begins behind the limit.
  constexpr size_t longest_rest = 3;
  if (x.size() > max_size)
    x = x.substr(0, max_size + longest_rest);
  auto valid = to_valid_utf8(x);
  valid.resize(utf8_prefix(valid, max_size).size());
  return valid;
}

} // namespace coppice

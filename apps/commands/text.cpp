// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/text.hpp"

#include "runtime/utf8.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

namespace coppice {

namespace {

struct span {
  uint32_t first;
  uint32_t last;
};

template <size_t N>
bool any_contains(const std::array<span, N>& spans, uint32_t point) {
  return std::any_of(spans.begin(), spans.end(), [point](const span& x) {
    return point >= x.first && point <= x.last;
  });
}

// The blocks that terminals draw without a column of their own.
constexpr std::array<span, 7> zero_width{{{0x0300, 0x036F},
                                          {0x0483, 0x0489},
                                          {0x0591, 0x05BD},
                                          {0x200B, 0x200D},
                                          {0x20D0, 0x20FF},
                                          {0xFE00, 0xFE0F},
                                          {0xFE20, 0xFE2F}}};

// The blocks that terminals draw in two columns (East Asian wide, emoji).
constexpr std::array<span, 10> two_columns{{{0x1100, 0x115F},
                                            {0x2E80, 0x303E},
                                            {0x3041, 0xA4CF},
                                            {0xAC00, 0xD7A3},
                                            {0xF900, 0xFAFF},
                                            {0xFE30, 0xFE6F},
                                            {0xFF00, 0xFF60},
                                            {0xFFE0, 0xFFE6},
                                            {0x1F300, 0x1FAFF},
                                            {0x20000, 0x3FFFD}}};

// Marks, embeddings, overrides and isolates of the writing direction, and
// separators that some terminals take for a line end.
constexpr std::array<span, 4> direction{
  {{0x061C, 0x061C}, {0x200E, 0x200F}, {0x2028, 0x202E}, {0x2066, 0x2069}}};

size_t width_of(uint32_t point) {
  if (any_contains(zero_width, point))
    return 0;
  return any_contains(two_columns, point) ? 2 : 1;
}

std::string hexed(const char* format, uint32_t x) {
  std::array<char, 16> buffer{};
  std::snprintf(buffer.data(), buffer.size(), format, x);
  return buffer.data();
}

void append_printable(std::string& out, std::string_view bytes,
                      uint32_t point) {
  if (point == '\n')
    out += "\\n";
  else if (point == '\t')
    out += "\\t";
  else if (point == '\r')
    out += "\\r";
  else if (point < 0x20 || (point >= 0x7F && point < 0xA0))
    out += hexed("\\x%02X", point);
  else if (any_contains(direction, point))
    out += hexed("\\u{%04X}", point);
  else
    out += bytes;
}

} // namespace

std::string printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    auto x = first_utf8(text);
    if (x.size == 0) {
      result += hexed("\\x%02X", static_cast<unsigned char>(text[0]));
      text.remove_prefix(1);
      continue;
    }
    append_printable(result, text.substr(0, x.size), x.point);
    text.remove_prefix(x.size);
  }
  return result;
}

std::string quote(std::string_view text) {
  return "'" + clip(printable(text), 60) + "'";
}

size_t display_width(std::string_view text) {
  size_t result = 0;
  while (!text.empty()) {
    auto x = first_utf8(text);
    result += x.size == 0 ? 1 : width_of(x.point);
    text.remove_prefix(std::max<size_t>(x.size, 1));
  }
  return result;
}

std::string clip(std::string_view text, size_t width) {
  if (display_width(text) <= width)
    return std::string{text};
  if (width == 0)
    return {};
  size_t used = 0;
  size_t pos = 0;
  while (pos < text.size()) {
    auto x = first_utf8(text.substr(pos));
    auto columns = x.size == 0 ? 1 : width_of(x.point);
    if (used + columns > width - 1)
      break;
    used += columns;
    pos += std::max<size_t>(x.size, 1);
  }
  return std::string{text.substr(0, pos)} + "…";
}

std::string pad(std::string_view text, size_t width) {
  std::string result{text};
  auto used = display_width(text);
  if (used < width)
    result.append(width - used, ' ');
  return result;
}

std::string render_table(const std::vector<std::string>& heading,
                         const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::vector<std::string>> cells{heading};
  cells.insert(cells.end(), rows.begin(), rows.end());
  std::vector<size_t> widths(heading.size());
  for (auto& row : cells) {
    for (size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      row[i] = printable(row[i]);
      widths[i] = std::max(widths[i], display_width(row[i]));
    }
  }
  std::string result;
  for (auto& row : cells) {
    std::string line;
    for (size_t i = 0; i < row.size() && i < widths.size(); ++i)
      line += pad(row[i], widths[i]) + "  ";
    // Blanks at the end of a line wrap on narrow terminals.
    line.erase(line.find_last_not_of(' ') + 1);
    result += line + "\n";
  }
  return result;
}

} // namespace coppice

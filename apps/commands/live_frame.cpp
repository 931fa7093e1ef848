// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/live_frame.hpp"

#include "apps/commands/text.hpp"

#include <algorithm>

namespace coppice {

std::string live_frame::redraw(const std::vector<std::string>& lines,
                               size_t columns) {
  // A terminal that has become narrower wraps what was drawn on the wider one.
  size_t rows = 0;
  for (auto width : drawn_)
    rows += std::max<size_t>(1, (width + columns - 1) / columns);
  std::string result;
  if (rows > 0)
    result += "\x1b[" + std::to_string(rows) + "A";
  drawn_.clear();
  for (auto& line : lines) {
    // Wiped first: behind a full line some terminals wipe its last character.
    result += "\r\x1b[K" + line + "\n";
    drawn_.push_back(display_width(line));
  }
  return result + "\x1b[J";
}

} // namespace coppice

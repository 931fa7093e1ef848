// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace coppice {

/// Draws frames over each other on a terminal.
class live_frame {
public:
  /// Returns what draws *lines* over the frame before and leaves the cursor
  /// below.
  /// @param lines At most *columns* wide.
  /// @param columns How wide the terminal is now, at least 1.
  std::string redraw(const std::vector<std::string>& lines, size_t columns);

private:
  /// Widths of the lines that are on the terminal.
  std::vector<size_t> drawn_;
};

} // namespace coppice

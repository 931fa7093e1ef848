// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

// Text that people see on a terminal. Messages of tasks come from anywhere:
// nothing in them may move the cursor or shift a column.

namespace coppice {

/// Makes *text* safe to show on one line: line ends, tabs and other control
/// characters become `\n`, `\t` and `\xNN`, as do bytes that are no UTF-8;
/// characters that change the writing direction become `\u{NNNN}`.
std::string printable(std::string_view text);

/// Quotes what somebody typed for a message: `printable`, and cut.
std::string quote(std::string_view text);

/// Returns how many columns a terminal needs for *text*, which is `printable`.
size_t display_width(std::string_view text);

/// Cuts *text*, which is `printable`, to at most *width* columns; the last one
/// shows that something is missing.
std::string clip(std::string_view text, size_t width);

/// Fills *text* with blanks up to *width* columns; nothing is cut.
std::string pad(std::string_view text, size_t width);

/// Renders rows below a heading, in columns two blanks apart. Every cell is
/// made `printable`.
std::string render_table(const std::vector<std::string>& heading,
                         const std::vector<std::vector<std::string>>& rows);

} // namespace coppice

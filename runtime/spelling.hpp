// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace coppice {

/// Quotes what somebody wrote for a message on one line: control characters and
/// what is not UTF-8 are replaced, and long text is cut.
std::string in_quotes(std::string_view text);

/// Counts the edits between two words, a swap of neighbours as one.
size_t edit_distance(std::string_view a, std::string_view b);

/// Returns the one of *names* that *word* was probably meant to be; empty if
/// none is near.
std::string nearest(std::string_view word,
                    const std::vector<std::string>& names);

} // namespace coppice

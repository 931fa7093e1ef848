// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/task/attempt_key.hpp"

#include <string>
#include <string_view>

namespace coppice {

/// Appends the line `WHAT ID ATTEMPT` to the file at *path* by one write, so
/// that lines of several nodes do not mix. For trials: what cannot be written
/// is logged, and nothing else happens.
/// @param path Empty: nothing is written.
void write_journal(const std::string& path, std::string_view what,
                   const attempt_key& key);

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "apps/commands/command.hpp"
#include "runtime/error.hpp"

#include <string>
#include <vector>

namespace coppice {

/// Joins *words* to the text of a protocol line: on one line, because a line
/// end would begin the next one.
std::string protocol_text(const std::vector<std::string>& words);

/// Checks *line* as the node will. What is wrong is better said to the script
/// than to the node's log.
result<> check_protocol_line(const std::string& line);

/// Writes *line* to the descriptor in `COPPICE_PROGRESS_FD`. Says what is wrong
/// if that is not there: then this is no task.
exit_code write_protocol_line(context& ctx, const std::string& line);

/// Checks *line* and makes the action that writes it.
result<action> protocol_action(std::string line);

} // namespace coppice

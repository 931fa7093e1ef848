// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/task/task_context.hpp"

#include <string>
#include <vector>

namespace coppice {

/// Runs `coppice node`: checks everything that can be checked before anything
/// is touched, then becomes the keeper of the node.
/// @param args What follows `coppice node`.
/// @param kinds Functions that the worker runs besides the built-in kinds.
/// @returns The exit code of the process.
int run_node_command(const std::vector<std::string>& args,
                     std::vector<task_kind> kinds);

} // namespace coppice

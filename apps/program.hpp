// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/task/task_context.hpp"

#include <vector>

namespace coppice {

/// The whole program: `node` starts a node, every other command is a client of
/// a running cluster.
/// @param kinds The functions that workers of this program run besides the
///              built-in kinds.
/// @returns The exit code of the process: 0, 1 work failed, 2 usage, 3 no
///          cluster reached, 4 refused.
int run_program(int argc, char** argv, std::vector<task_kind> kinds);

} // namespace coppice

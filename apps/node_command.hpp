// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/node_code.hpp"

#include <string>
#include <vector>

namespace coppice {

/// Runs `coppice node`: checks everything that can be checked before anything
/// is touched, then becomes the keeper of the node.
/// @param args What follows `coppice node`.
/// @returns The exit code of the process.
int run_node_command(const std::vector<std::string>& args, node_code code);

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/node_code.hpp"

#include <vector>

namespace coppice {

/// The whole program: `node` starts a node, every other command is a client of
/// a running cluster.
/// @returns The exit code of the process: 0, 1 work failed, 2 usage, 3 no
///          cluster reached, 4 refused.
int run_program(int argc, char** argv, node_code code);

} // namespace coppice

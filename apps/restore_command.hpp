// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <string>
#include <vector>

namespace coppice {

/// Runs `coppice restore`: makes the data folder of a manager that does not run
/// from a backup, so that it begins the cluster anew.
/// @param args What follows `restore` on the command line.
/// @returns The exit code of the process.
int run_restore_command(const std::vector<std::string>& args);

} // namespace coppice

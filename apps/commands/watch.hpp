// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "apps/commands/command.hpp"

#include <string>
#include <vector>

namespace coppice {

/// Shows how tasks go until all have ended, through restarts of the node.
/// @param to Where to show it.
/// @param look Says what *to* is: bars on a terminal, lines of news elsewhere.
/// @returns `success` if all succeeded, `work_failed` if one did not, or why
///          nothing is known any more.
exit_code watch_tasks(context& ctx, const std::vector<std::string>& ids,
                      std::ostream& to, const screen_probe& look);

} // namespace coppice

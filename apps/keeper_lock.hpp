// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/error.hpp"
#include "runtime/launch/unique_fd.hpp"

#include <chrono>
#include <filesystem>

namespace coppice {

/// The process name of a keeper.
inline constexpr const char* keeper_name = "coppice-keeper";

/// Takes the lock of a data folder for the calling keeper.
///
/// The lock belongs to the open file, so the launcher and the node, which
/// inherit the descriptor, hold it as well: after a keeper was killed the lock
/// is free only when they are gone, and with them every command.
/// @param dir The data folder.
/// @param patience How long to wait while only what a dead keeper has left
///                 holds the lock.
/// @returns The descriptor that holds the lock; `conflict` if another keeper
///          lives, and after *patience*; `system_failure`.
result<unique_fd> lock_data_folder(const std::filesystem::path& dir,
                                   std::chrono::milliseconds patience);

} // namespace coppice

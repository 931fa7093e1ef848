// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/error.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>

namespace coppice {

/// The layout of a data folder that this version writes, and the newest one
/// that it reads. It stands in the file VERSION.
inline constexpr uint32_t data_format = 2;

/// The file whose lock says that somebody runs on a data folder.
inline constexpr const char* lock_file_name = "keeper.lock";

/// The folder in it that has the groups of a manager, a folder each.
inline constexpr const char* groups_folder_name = "groups";

/// Looks whether *dir* is a data folder, or can become one, and changes
/// nothing.
/// @returns `corrupt_store` if a newer version wrote it or VERSION cannot be
///          understood; `conflict` if it is no folder, or has files in it and
///          is no data folder, or a restore in it has not been finished;
///          `system_failure` if it cannot be read.
result<> check_data_folder(const std::filesystem::path& dir);

/// Makes *dir* a data folder if it is not one yet. Durable once it returns.
/// @returns what `check_data_folder` returns, and `storage_failure`.
result<> create_data_folder(const std::filesystem::path& dir);

/// Returns the number of a new start of the node on *dir*: higher than every
/// earlier one, also after a restore of an old copy as long as the wall clock
/// does not go back. Durable once it returns.
/// @param dir The data folder.
/// @param now The wall clock.
/// @returns `corrupt_store` if the stored number cannot be understood;
///          `storage_failure`.
result<uint64_t> next_incarnation(const std::filesystem::path& dir,
                                  std::chrono::system_clock::time_point now);

/// Returns whether the disk of *dir* has no room even for small files.
bool is_disk_full(const std::filesystem::path& dir);

/// Returns the number by which the groups know the manager on *dir*: *tag* (see
/// `manager_tag`), and a half that is drawn at the first call and the same ever
/// after. Who lost the folder is another member, and so cannot break
/// what it promised before (a vote, an entry). Durable once it returns.
/// @returns `corrupt_store` if the stored number cannot be understood;
///          `conflict` if it is that of another manager; `storage_failure`.
result<uint64_t> member_number(const std::filesystem::path& dir, uint32_t tag);

// -- restore ------------------------------------------------------------------

/// Looks whether a backup can be restored to *dir*, and changes nothing: it is
/// not there, or has nothing in it but what a restore has left that was not
/// finished.
/// @returns `conflict` if it has something else; `system_failure` if it cannot
///          be read.
result<> check_restorable(const std::filesystem::path& dir);

/// Begins to make *dir* the data folder of a manager with groups from a backup.
/// Until `finish_restore` it is none: no node starts on it.
/// @pre The caller holds the lock of the folder, and `check_restorable` accepts
///      it.
/// @returns the folder in which the groups are to be made, or
///          `storage_failure`.
result<std::filesystem::path> begin_restore(const std::filesystem::path& dir);

/// Makes it a data folder. Durable once it returns.
/// @returns `storage_failure`.
result<> finish_restore(const std::filesystem::path& dir);

/// Removes what `begin_restore` and others after it have made.
void abandon_restore(const std::filesystem::path& dir);

} // namespace coppice

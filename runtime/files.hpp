// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/error.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace coppice {

/// Reads all of *file*, also where its size is not known before, as in /proc.
/// @returns `storage_failure` if it cannot be opened or read to its end.
result<std::string> read_file(const std::filesystem::path& file);

/// Writes all of *bytes* to *fd* from *offset* on.
/// @param file Whose descriptor it is, for the error.
/// @returns `storage_failure` if the disk refuses.
result<> write_all(int fd, uint64_t offset, std::string_view bytes,
                   const std::filesystem::path& file);

/// Makes *dir* and all folders above it that are not there, also while others
/// remove those that are empty, perhaps in the midst of making.
/// @returns `system_failure` if that is not possible.
result<> make_folders(const std::filesystem::path& dir);

/// Makes durable what was written to *fd*.
/// @param file Whose descriptor it is, for the error.
/// @returns `storage_failure` if the disk refuses.
result<> sync_file(int fd, const std::filesystem::path& file);

/// Makes durable which files are in *dir*, and under which names.
/// @returns `storage_failure` if the disk refuses.
result<> sync_folder(const std::filesystem::path& dir);

} // namespace coppice

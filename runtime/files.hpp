// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/error.hpp"

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace coppice {

/// Writes all of *bytes* to *fd* from *offset* on.
/// @param file Whose descriptor it is, for the error.
/// @returns `storage_failure` if the disk refuses.
result<> write_all(int fd, uint64_t offset, std::string_view bytes,
                   const std::filesystem::path& file);

/// Makes durable what was written to *fd*.
/// @param file Whose descriptor it is, for the error.
/// @returns `storage_failure` if the disk refuses.
result<> sync_file(int fd, const std::filesystem::path& file);

/// Makes durable which files are in *dir*, and under which names.
/// @returns `storage_failure` if the disk refuses.
result<> sync_folder(const std::filesystem::path& dir);

} // namespace coppice

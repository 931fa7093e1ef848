// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/error.hpp"

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace coppice {

/// Reads a regular file in whole.
/// @returns `ec::system_failure` if it cannot be read, `ec::invalid_argument`
///          if it is no regular file or has more than *limit* bytes.
result<std::string> read_small_file(const std::filesystem::path& path,
                                    size_t limit);

/// Writes *bytes* over what the file has.
/// @returns `ec::system_failure` if that fails.
result<> write_small_file(const std::filesystem::path& path,
                          std::string_view bytes);

} // namespace coppice

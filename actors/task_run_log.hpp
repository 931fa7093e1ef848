// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/error.hpp"
#include "runtime/launch/unique_fd.hpp"

#include <filesystem>
#include <string_view>

namespace coppice {

/// Opens the log file of an attempt to append to it; makes file and folder if
/// need be.
/// @returns `ec::system_failure` if it cannot be opened.
result<unique_fd> open_log_file(const std::filesystem::path& file);

/// Appends lines to the log file of an attempt, each by one write; makes file
/// and folder with the first. A log that cannot be written harms nobody.
class task_log {
public:
  // -- constructors, destructors, and assignment operators --------------------

  explicit task_log(std::filesystem::path file);

  // -- modifiers --------------------------------------------------------------

  void write(std::string_view line);

private:
  // -- member variables -------------------------------------------------------

  std::filesystem::path file_;

  unique_fd fd_;
};

} // namespace coppice

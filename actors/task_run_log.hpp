// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <filesystem>
#include <string_view>

namespace coppice {

/// Appends lines to the log file of an attempt, each by one write; makes file
/// and folder with the first. A log that cannot be written harms nobody.
class task_log {
public:
  // -- constructors, destructors, and assignment operators --------------------

  explicit task_log(std::filesystem::path file);

  task_log(const task_log&) = delete;

  task_log& operator=(const task_log&) = delete;

  ~task_log();

  // -- modifiers --------------------------------------------------------------

  void write(std::string_view line);

private:
  // -- member variables -------------------------------------------------------

  std::filesystem::path file_;

  int fd_ = -1;
};

} // namespace coppice

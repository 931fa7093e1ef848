// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/task_run_log.hpp"

#include "runtime/files.hpp"
#include "runtime/log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace coppice {

result<unique_fd> open_log_file(const std::filesystem::path& file) {
  constexpr auto flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC;
  std::error_code err;
  // The worker removes folders that became empty, perhaps this very moment.
  for (auto tries = 0; tries < 100; ++tries) {
    if (unique_fd fd{::open(file.c_str(), flags, 0640)})
      return fd;
    err.assign(errno, std::system_category());
    if (errno != ENOENT)
      break;
    if (auto made = make_folders(file.parent_path()); !made)
      return made.as_failure();
  }
  return error{ec::system_failure, "cannot open the log file '" + file.string()
                                     + "': " + err.message()};
}

task_log::task_log(std::filesystem::path file) : file_(std::move(file)) {}

void task_log::write(std::string_view line) {
  if (!fd_) {
    auto opened = open_log_file(file_);
    if (!opened) {
      log::debug("{}", opened.error().message);
      return;
    }
    fd_ = std::move(opened).value();
  }
  std::string text{line};
  text += '\n';
  if (::write(fd_.get(), text.data(), text.size()) < 0)
    log::debug("cannot write to {}: {}", file_.string(),
               std::system_category().message(errno));
}

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/task_run_log.hpp"

#include "runtime/log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace coppice {

task_log::task_log(std::filesystem::path file) : file_(std::move(file)) {}

task_log::~task_log() {
  if (fd_ >= 0)
    ::close(fd_);
}

void task_log::write(std::string_view line) {
  if (fd_ < 0) {
    std::error_code err;
    std::filesystem::create_directories(file_.parent_path(), err);
    fd_
      = ::open(file_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  }
  std::string text{line};
  text += '\n';
  if (fd_ < 0 || ::write(fd_, text.data(), text.size()) < 0)
    log::debug("cannot write to {}: {}", file_.string(),
               std::system_category().message(errno));
}

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/kinds/sleep.hpp"

#include "runtime/log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace coppice {

void write_journal(const std::string& path, std::string_view what,
                   const attempt_key& key) {
  if (path.empty())
    return;
  // Not blocking, in case somebody names a pipe.
  auto fd = ::open(
    path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644);
  std::string line{what};
  line += " " + to_string(key.task) + " " + std::to_string(key.attempt) + "\n";
  if (fd < 0 || ::write(fd, line.data(), line.size()) < 0)
    log::warn("executor cannot write to the journal {}: {}", path,
              std::system_category().message(errno));
  if (fd >= 0)
    ::close(fd);
}

} // namespace coppice

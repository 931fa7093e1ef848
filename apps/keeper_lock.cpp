// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/keeper_lock.hpp"

#include "apps/process_tree.hpp"
#include "config/data_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <thread>

namespace coppice {

namespace {

using clock = std::chrono::steady_clock;

/// A keeper that was killed a moment ago may not have ended yet.
constexpr auto dying_time = std::chrono::milliseconds{2'000};

error failed(const std::filesystem::path& file) {
  return {ec::system_failure,
          "'" + file.string() + "' cannot be locked: " + std::strerror(errno)};
}

/// Returns the keeper that the lock file names, if it lives; 0 otherwise.
pid_t living_keeper(const std::filesystem::path& file) {
  std::ifstream in{file};
  pid_t pid = 0;
  unsigned long long started = 0;
  // The start time: the pid may be another process's by now.
  if (!(in >> pid >> started) || pid <= 0 || start_time(pid) != started)
    return 0;
  return process_name(pid) == keeper_name ? pid : 0;
}

result<> sign(int fd, const std::filesystem::path& file) {
  auto text = std::to_string(getpid()) + " "
              + std::to_string(start_time(getpid())) + "\n";
  auto size = static_cast<ssize_t>(text.size());
  if (ftruncate(fd, 0) != 0 || pwrite(fd, text.data(), text.size(), 0) != size)
    return failed(file);
  return ok();
}

} // namespace

result<unique_fd> lock_data_folder(const std::filesystem::path& dir,
                                   std::chrono::milliseconds patience) {
  auto file = dir / lock_file_name;
  unique_fd fd{open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  if (!fd)
    return failed(file);
  auto begin = clock::now();
  while (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR)
      return failed(file);
    auto waited = clock::now() - begin;
    if (auto pid = living_keeper(file); pid && waited >= dying_time)
      return error{ec::conflict, "'" + dir.string()
                                   + "' is in use by the node of process "
                                   + std::to_string(pid)
                                   + "; stop it, or choose another folder"};
    if (waited >= patience)
      return error{ec::conflict, "'" + dir.string()
                                   + "' is still in use by processes that an"
                                     " earlier node has left"};
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
  if (auto signed_ = sign(fd.get(), file); !signed_)
    return signed_.error();
  return fd;
}

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/files.hpp"

#include "runtime/launch/unique_fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace coppice {

namespace {

error refusal(const std::filesystem::path& file, const char* what) {
  return {ec::storage_failure,
          "'" + file.string() + "' " + what + ": " + std::strerror(errno)};
}

} // namespace

result<std::string> read_file(const std::filesystem::path& file) {
  // No stream: its buffer throws where read(2) fails, as it does for a process
  // that ends while we look at it.
  unique_fd fd{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!fd)
    return refusal(file, "cannot be opened");
  std::string result;
  std::array<char, 4096> buffer;
  for (;;) {
    auto n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return refusal(file, "cannot be read");
    if (n == 0)
      return result;
    result.append(buffer.data(), static_cast<size_t>(n));
  }
}

result<> make_folders(const std::filesystem::path& dir) {
  std::error_code err;
  for (auto tries = 0; tries < 100; ++tries) {
    std::filesystem::create_directories(dir, err);
    // A folder above is gone again, or this one was there and is gone now.
    if (err != std::errc::no_such_file_or_directory
        && err != std::errc::file_exists)
      break;
  }
  if (!err)
    return ok();
  return error{ec::system_failure,
               "cannot make '" + dir.string() + "': " + err.message()};
}

result<> write_all(int fd, uint64_t offset, std::string_view bytes,
                   const std::filesystem::path& file) {
  while (!bytes.empty()) {
    auto n
      = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return refusal(file, "cannot be written");
    bytes.remove_prefix(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return ok();
}

result<> sync_file(int fd, const std::filesystem::path& file) {
  return ::fsync(fd) == 0 ? ok() : result<>{refusal(file, "cannot be synced")};
}

result<> sync_folder(const std::filesystem::path& dir) {
  unique_fd fd{::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!fd)
    return refusal(dir, "cannot be opened");
  return sync_file(fd.get(), dir);
}

} // namespace coppice

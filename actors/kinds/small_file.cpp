// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/kinds/small_file.hpp"

#include "runtime/launch/unique_fd.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace coppice {

namespace {

error failure(const char* what, const std::filesystem::path& path) {
  return {ec::system_failure, std::string{"cannot "} + what + " "
                                + path.string() + ": "
                                + std::system_category().message(errno)};
}

} // namespace

result<std::string> read_small_file(const std::filesystem::path& path,
                                    size_t limit) {
  // Not blocking, in case it is a pipe.
  unique_fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  struct stat facts {};
  if (!fd || ::fstat(fd.get(), &facts) != 0)
    return failure("read", path);
  if (!S_ISREG(facts.st_mode))
    return error{ec::invalid_argument, path.string() + " is no regular file"};
  std::string bytes;
  // One byte more than allowed, to see a file that grows.
  while (bytes.size() <= limit) {
    auto old = bytes.size();
    bytes.resize(std::min(old + (256 << 10), limit + 1));
    auto n = ::read(fd.get(), bytes.data() + old, bytes.size() - old);
    if (n < 0 && errno == EINTR)
      n = 0;
    else if (n < 0)
      return failure("read", path);
    else if (n == 0) {
      bytes.resize(old);
      return bytes;
    }
    bytes.resize(old + static_cast<size_t>(n));
  }
  return error{ec::invalid_argument,
               path.string() + " has more than " + std::to_string(limit)
                 + " bytes: put what is large elsewhere, and into this file "
                   "where it is"};
}

result<> write_small_file(const std::filesystem::path& path,
                          std::string_view bytes) {
  unique_fd fd{
    ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
  if (!fd)
    return failure("write", path);
  while (!bytes.empty()) {
    auto n = ::write(fd.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return failure("write", path);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return ok();
}

} // namespace coppice

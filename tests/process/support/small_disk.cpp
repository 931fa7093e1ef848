// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/process/support/small_disk.hpp"

#include "runtime/launch/unique_fd.hpp"
#include "tests/process/support/real_node.hpp"
#include "tests/process/support/user_namespace.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace coppice::test {

namespace fs = std::filesystem;

namespace {

std::string failed(const std::string& what) {
  return what + ": " + std::strerror(errno);
}

std::string mount_disk(const fs::path& where, uint64_t bytes) {
  auto options = "mode=700,size=" + std::to_string(bytes);
  auto rc = ::mount("small", where.c_str(), "tmpfs", 0, options.c_str());
  return rc == 0 ? std::string{} : failed("no tmpfs");
}

} // namespace

std::string allow_mounts() {
  if (auto why = enter_namespaces(CLONE_NEWNS); !why.empty())
    return why;
  // What is mounted here must not be seen outside.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return failed("no mounts of its own");
  temp_folder trial;
  if (auto why = mount_disk(trial.path(), 1 << 20); !why.empty())
    return why;
  ::umount2(trial.path().c_str(), MNT_DETACH);
  return {};
}

small_disk::small_disk(fs::path where, uint64_t bytes)
  : path_(std::move(where)) {
  fs::create_directories(path_);
  if (auto why = mount_disk(path_, bytes); !why.empty())
    throw std::runtime_error{why};
}

small_disk::~small_disk() {
  ::umount2(path_.c_str(), MNT_DETACH);
}

bool small_disk::leave(uint64_t bytes) {
  auto fd
    = unique_fd{::open(filler().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
  // In pieces: others write meanwhile, and one that does not fit leaves the
  // file as it was.
  constexpr auto piece = uint64_t{1} << 20;
  for (auto failed = !fd; !failed;) {
    auto available = fs::space(path_).available;
    if (available <= bytes)
      return true;
    failed = ::posix_fallocate(
               fd.get(), static_cast<off_t>(fs::file_size(filler())),
               static_cast<off_t>(std::min<uint64_t>(piece, available - bytes)))
             != 0;
  }
  return false;
}

void small_disk::give_back(uint64_t bytes) {
  auto had = fs::file_size(filler());
  fs::resize_file(filler(), had - std::min<uint64_t>(had, bytes));
}

void small_disk::make_room() {
  fs::remove(filler());
}

} // namespace coppice::test

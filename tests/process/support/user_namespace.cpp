// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/process/support/user_namespace.hpp"

#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace coppice::test {

namespace {

std::string failed(const std::string& what) {
  return what + ": " + std::strerror(errno);
}

} // namespace

std::string enter_namespaces(int flags) {
  if (::unshare(flags) == 0)
    return {};
  auto uid = ::geteuid();
  auto gid = ::getegid();
  if (::unshare(CLONE_NEWUSER | flags) != 0)
    return failed("no user namespace");
  std::ofstream{"/proc/self/setgroups"} << "deny";
  std::ofstream uids{"/proc/self/uid_map"};
  uids << "0 " << uid << " 1" << std::flush;
  std::ofstream gids{"/proc/self/gid_map"};
  gids << "0 " << gid << " 1" << std::flush;
  return uids && gids ? std::string{} : failed("no user in its namespace");
}

} // namespace coppice::test

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/listening.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <thread>

namespace coppice {

namespace {

/// How long a port may still belong to a node that was just killed.
constexpr auto port_patience = std::chrono::seconds{2};

/// @returns Nothing, with errno, if that cannot be.
unique_fd try_listen(const addrinfo& where) {
  unique_fd fd{::socket(where.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  auto on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (::bind(fd.get(), where.ai_addr, where.ai_addrlen) != 0
      || ::listen(fd.get(), SOMAXCONN) != 0)
    return unique_fd{};
  return fd;
}

} // namespace

result<unique_fd> listen_on(const node_config& config, const char* option,
                            const host_port& where) {
  auto cannot = [&](const std::string& why) {
    return error{ec::system_failure, config.where(option)
                                       + ": cannot listen on "
                                       + to_string(where) + ": " + why};
  };
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  auto rc = ::getaddrinfo(where.host.c_str(),
                          std::to_string(where.port).c_str(), &hints, &found);
  if (rc != 0)
    return cannot(::gai_strerror(rc));
  std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list{found,
                                                            &::freeaddrinfo};
  auto deadline = std::chrono::steady_clock::now() + port_patience;
  for (;;) {
    auto fd = try_listen(*list);
    if (fd)
      return fd;
    if (errno != EADDRINUSE)
      return cannot(std::strerror(errno));
    if (std::chrono::steady_clock::now() > deadline)
      return cannot("somebody listens there already; choose another port, or "
                    "end who does");
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
}

} // namespace coppice

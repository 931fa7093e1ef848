// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/net/tcp_dial.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>

namespace coppice::net {

namespace {

using clock = std::chrono::steady_clock;

using addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

/// Waits until the connection stands.
/// @returns 0, or the number of the error.
int await_connected(int fd, clock::time_point deadline) {
  for (;;) {
    auto left
      = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now());
    if (left.count() <= 0)
      return ETIMEDOUT;
    pollfd x{fd, POLLOUT, 0};
    auto n = ::poll(&x, 1, static_cast<int>(left.count()));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return errno;
    if (n == 0)
      return ETIMEDOUT;
    int err = 0;
    socklen_t size = sizeof(err);
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size);
    return err;
  }
}

/// Has the kernel notice a peer that is gone without a word. CAF's heartbeats
/// begin behind its handshake; a peer that dies before it would hold up all
/// later dials of the same address.
void watch_peer(int fd) {
  auto set = [fd](int level, int option, int value) {
    ::setsockopt(fd, level, option, &value, sizeof(value));
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 5);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 3);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
}

/// @returns The descriptor, or -1 and *err* is set.
int connect_one(const addrinfo& x, clock::time_point deadline, int& err) {
  auto fd = ::socket(x.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                     x.ai_protocol);
  if (fd < 0) {
    err = errno;
    return -1;
  }
  err = ::connect(fd, x.ai_addr, x.ai_addrlen) == 0 ? 0 : errno;
  if (err == EINPROGRESS)
    err = await_connected(fd, deadline);
  if (err == 0) {
    watch_peer(fd);
    return fd;
  }
  ::close(fd);
  return -1;
}

/// Finds the addresses of *host*.
/// @returns 0, or the number of the resolver's error.
int resolve(const std::string& host, uint16_t port, addresses& out) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  auto rc
    = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  out.reset(found);
  return rc;
}

} // namespace

result<int> tcp_dial(const std::string& host, uint16_t port,
                     std::chrono::milliseconds deadline) {
  auto end = clock::now() + deadline;
  addresses found{nullptr, &::freeaddrinfo};
  if (auto rc = resolve(host, port, found); rc != 0)
    return error{ec::unreachable,
                 "cannot resolve " + host + ": " + ::gai_strerror(rc)};
  auto err = 0;
  for (auto* x = found.get(); x != nullptr; x = x->ai_next)
    if (auto fd = connect_one(*x, end, err); fd >= 0)
      return fd;
  return error{ec::unreachable, "cannot connect to " + host + ":"
                                  + std::to_string(port) + ": "
                                  + std::system_category().message(err)};
}

probe_result tcp_probe(const std::string& host, uint16_t port,
                       std::chrono::milliseconds deadline) {
  auto end = clock::now() + deadline;
  addresses found{nullptr, &::freeaddrinfo};
  if (resolve(host, port, found) != 0)
    return probe_result::unreachable;
  // All that a name stands for must agree that nobody is there.
  auto result = probe_result::refused;
  for (auto* x = found.get(); x != nullptr; x = x->ai_next) {
    auto err = 0;
    if (auto fd = connect_one(*x, end, err); fd >= 0) {
      ::close(fd);
      return probe_result::reached;
    }
    if (err != ECONNREFUSED)
      result = probe_result::unreachable;
  }
  return result;
}

} // namespace coppice::net

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/client.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <future>
#include <thread>
#include <vector>

namespace coppice {

namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct endpoint {
  sockaddr_storage address{};
  socklen_t size = 0;
};

using endpoints = std::vector<endpoint>;

error unreachable(const host_port& address, const std::string& why) {
  return {ec::unreachable,
          "no cluster reached at " + to_string(address) + ": " + why};
}

result<endpoints> resolve(const host_port& address, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  auto port = std::to_string(address.port);
  if (auto rc = getaddrinfo(address.host.c_str(), port.c_str(), &hints, &list))
    return unreachable(address, gai_strerror(rc));
  endpoints xs;
  for (auto* x = list; x != nullptr; x = x->ai_next) {
    endpoint e;
    std::memcpy(&e.address, x->ai_addr, x->ai_addrlen);
    e.size = x->ai_addrlen;
    xs.push_back(e);
  }
  freeaddrinfo(list);
  return xs;
}

/// Resolves a name. A name server that is silent blocks for as long as it
/// likes, so that happens in a thread of its own that is left behind.
result<endpoints> resolve_within(const host_port& address,
                                 milliseconds timeout) {
  if (auto xs = resolve(address, AI_NUMERICHOST))
    return xs;
  auto answer = std::make_shared<std::promise<result<endpoints>>>();
  auto later = answer->get_future();
  std::thread{[answer, address] {
    answer->set_value(resolve(address, AI_ADDRCONFIG));
  }}.detach();
  if (later.wait_for(timeout) != std::future_status::ready)
    return unreachable(address, "the name server does not answer");
  return later.get();
}

std::string numeric(const endpoint& x) {
  char buffer[NI_MAXHOST];
  auto* address = reinterpret_cast<const sockaddr*>(&x.address);
  if (getnameinfo(address, x.size, buffer, sizeof(buffer), nullptr, 0,
                  NI_NUMERICHOST)
      != 0)
    return {};
  return buffer;
}

/// Connects and closes again.
/// @returns 0, or the errno that says why not.
int try_connect(const endpoint& x, milliseconds timeout) {
  auto fd = socket(x.address.ss_family,
                   SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return errno;
  auto rc = connect(fd, reinterpret_cast<const sockaddr*>(&x.address), x.size);
  auto code = rc == 0 ? 0 : errno;
  if (code == EINPROGRESS) {
    pollfd pfd{fd, POLLOUT, 0};
    socklen_t size = sizeof(code);
    if (poll(&pfd, 1, static_cast<int>(timeout.count())) != 1)
      code = ETIMEDOUT;
    else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) != 0)
      code = errno;
  }
  close(fd);
  return code;
}

} // namespace

result<std::string> probe(const host_port& address, milliseconds timeout) {
  auto deadline = clock::now() + timeout;
  auto found = resolve_within(address, timeout);
  if (!found)
    return found.error();
  int code = EHOSTUNREACH;
  for (auto& x : found.value()) {
    auto left = std::chrono::ceil<milliseconds>(deadline - clock::now());
    code = try_connect(x, std::max(left, milliseconds{1}));
    if (code == 0)
      return numeric(x);
  }
  return unreachable(address, code == ECONNREFUSED
                                ? "nobody listens there"
                                : std::string{strerror(code)});
}

} // namespace coppice

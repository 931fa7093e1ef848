// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/keeper_notify.hpp"

#include "runtime/launch/unique_fd.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace coppice {

void notify_service_manager(const char* state) {
  auto* name = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (!name || std::strlen(name) >= sizeof(address.sun_path))
    return;
  auto path = std::string_view{name};
  path.copy(address.sun_path, path.size());
  // '@' stands for the zero byte of an abstract address.
  if (path.starts_with('@'))
    address.sun_path[0] = '\0';
  auto size = offsetof(sockaddr_un, sun_path) + path.size();
  unique_fd fd{socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  // Nobody could do anything about a failure.
  static_cast<void>(sendto(fd.get(), state, std::strlen(state), MSG_NOSIGNAL,
                           reinterpret_cast<sockaddr*>(&address),
                           static_cast<socklen_t>(size)));
}

} // namespace coppice

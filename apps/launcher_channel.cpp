// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/launcher_channel.hpp"

#include "apps/launcher.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

namespace coppice {

namespace {

/// While this much waits for the node, progress pipes are not read: a slow node
/// slows its commands down instead of filling the memory.
constexpr size_t outbox_limit = size_t{4} << 20;

} // namespace

std::vector<proto::LaunchRequest> launcher_channel::receive() {
  std::vector<proto::LaunchRequest> result;
  std::array<char, 65536> buffer;
  auto n = ::recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return result;
  if (n <= 0) {
    disconnect(nullptr);
    return result;
  }
  reader_.append({buffer.data(), static_cast<size_t>(n)});
  for (;;) {
    auto frame = reader_.next();
    if (frame && !frame.value())
      return result;
    proto::LaunchRequest x;
    if (!frame
        || !x.ParseFromArray(frame.value()->data(),
                             static_cast<int>(frame.value()->size()))) {
      disconnect("the node sent garbage");
      return result;
    }
    result.push_back(std::move(x));
  }
}

void launcher_channel::send(const proto::LaunchEvent& x) {
  // Lines are cut and reasons are short: an event always fits a frame.
  static_cast<void>(append_frame(outbox_, x));
}

void launcher_channel::flush() {
  while (connected_ && sent_ < outbox_.size()) {
    auto n = ::send(socket_, outbox_.data() + sent_, outbox_.size() - sent_,
                    MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN)
      break;
    if (n < 0 && errno != EINTR)
      return disconnect(nullptr);
    sent_ += n > 0 ? static_cast<size_t>(n) : 0;
  }
  // Seldom, so that a large outbox is not moved for each little write.
  if (sent_ == outbox_.size() || sent_ > outbox_limit / 4) {
    outbox_.erase(0, sent_);
    sent_ = 0;
  }
}

void launcher_channel::disconnect(const char* why) {
  if (connected_ && why)
    std::fprintf(stderr, "%s: %s\n", launcher_name, why);
  connected_ = false;
}

short launcher_channel::poll_events() const noexcept {
  return static_cast<short>(POLLIN | (outbox_.empty() ? 0 : POLLOUT));
}

bool launcher_channel::is_congested() const noexcept {
  return outbox_.size() - sent_ > outbox_limit;
}

} // namespace coppice

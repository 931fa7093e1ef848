// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/launcher_link.hpp"

#include "runtime/log.hpp"

#include <caf/actor_cast.hpp>
#include <caf/exit_reason.hpp>
#include <caf/send.hpp>

#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

namespace coppice {

namespace {

using heard_observer = caf::typed_actor<caf::reacts_to<launcher_heard>>;

/// Passes on all frames that are complete.
/// @returns False if the launcher sent what makes no sense.
bool pass_on(frame_reader& frames, const heard_observer& link) {
  for (;;) {
    auto frame = frames.next();
    if (!frame)
      return false;
    if (!frame.value())
      return true;
    auto bytes = *frame.value();
    launcher_heard x;
    if (!x.event.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
      return false;
    caf::anon_send(link, std::move(x));
  }
}

/// Passes on what the launcher says until the socket is closed.
/// @param fd Remains open for as long as the thread runs.
void read_frames(int fd, const heard_observer& link) {
  frame_reader frames;
  std::vector<char> buffer(64 << 10);
  for (;;) {
    auto n = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      break;
    frames.append({buffer.data(), static_cast<size_t>(n)});
    if (!pass_on(frames, link))
      break;
  }
  launcher_heard closed;
  closed.open = false;
  caf::anon_send(link, std::move(closed));
}

/// Returns the command that *x* is about; 0 for an event of a newer version,
/// which there is not.
uint64_t id_of(const proto::LaunchEvent& x) {
  switch (x.event_case()) {
    case proto::LaunchEvent::kStarted:
      return x.started().id();
    case proto::LaunchEvent::kNotStarted:
      return x.not_started().id();
    case proto::LaunchEvent::kLine:
      return x.line().id();
    case proto::LaunchEvent::kExited:
      return x.exited().id();
    case proto::LaunchEvent::EVENT_NOT_SET:
      break;
  }
  return 0;
}

} // namespace

// -- launcher_link_state ------------------------------------------------------

launcher_link_state::~launcher_link_state() {
  if (!reader.joinable())
    return;
  // Wakes the reader; the launcher sees the end of the node.
  ::shutdown(socket.get(), SHUT_RDWR);
  reader.join();
}

void launcher_link_state::on_launch(launch_command& x) {
  auto id = x.start.id();
  proto::LaunchRequest request;
  *request.mutable_start() = std::move(x.start);
  auto sent = send(request);
  if (sent) {
    observers.emplace(id, std::move(x.observer));
    return;
  }
  launch_event refused;
  refused.event.mutable_not_started()->set_id(id);
  refused.event.mutable_not_started()->set_reason(sent.error().message);
  self->send(x.observer, std::move(refused));
}

void launcher_link_state::on_stop(const stop_command& x) {
  if (!observers.contains(x.stop.id()))
    return;
  proto::LaunchRequest request;
  *request.mutable_stop() = x.stop;
  // That the launcher is gone is told by the end of LAUNCHER_LINK.
  static_cast<void>(send(request));
}

void launcher_link_state::on_renew(const renew_command& x) {
  if (!observers.contains(x.renew.id()))
    return;
  proto::LaunchRequest request;
  *request.mutable_renew() = x.renew;
  // As above.
  static_cast<void>(send(request));
}

void launcher_link_state::on_heard(launcher_heard& x) {
  if (!x.open) {
    give_up("it closed its socket");
    return;
  }
  auto i = observers.find(id_of(x.event));
  if (i == observers.end())
    return;
  auto last = x.event.has_exited() || x.event.has_not_started();
  self->send(i->second, launch_event{std::move(x.event)});
  if (last)
    observers.erase(i);
}

result<> launcher_link_state::send(const proto::LaunchRequest& x) {
  std::string frame;
  if (auto built = append_frame(frame, x); !built)
    return built;
  size_t done = 0;
  while (done < frame.size()) {
    auto n = ::send(socket.get(), frame.data() + done, frame.size() - done,
                    MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0) {
      auto text = std::system_category().message(errno);
      give_up(text);
      return error{ec::system_failure, "the launcher is gone: " + text};
    }
    done += static_cast<size_t>(n);
  }
  return ok();
}

void launcher_link_state::give_up(const std::string& why) {
  log::error("{} has lost the launcher: {}", name, why);
  self->quit(caf::exit_reason::remote_link_unreachable);
}

// -- launcher_link ------------------------------------------------------------

launcher_link_impl::behavior_type
launcher_link(launcher_link_impl::stateful_pointer<launcher_link_state> self,
              int socket) {
  self->state.socket = unique_fd{socket};
  auto link = caf::actor_cast<heard_observer>(self);
  self->state.reader
    = std::thread{[socket, link] { read_frames(socket, link); }};
  return {
    [self](launch_command& x) { self->state.on_launch(x); },
    [self](const stop_command& x) { self->state.on_stop(x); },
    [self](const renew_command& x) { self->state.on_renew(x); },
    [self](launcher_heard& x) { self->state.on_heard(x); },
  };
}

uint64_t next_launch_id() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

} // namespace coppice

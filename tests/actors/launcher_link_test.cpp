// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/launcher_link.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/test/dsl.hpp>

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

/// The other end of the socket.
class fake_launcher {
public:
  explicit fake_launcher(int fd) : fd_(fd) {
    timeval patience{10, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  }

  std::optional<proto::LaunchRequest> receive() {
    for (;;) {
      auto frame = frames_.next();
      if (!frame)
        return std::nullopt;
      if (auto bytes = frame.value()) {
        proto::LaunchRequest x;
        if (!x.ParseFromArray(bytes->data(), static_cast<int>(bytes->size())))
          return std::nullopt;
        return x;
      }
      char buffer[4'096];
      auto n = ::recv(fd_.get(), buffer, sizeof(buffer), 0);
      if (n <= 0)
        return std::nullopt;
      frames_.append({buffer, static_cast<size_t>(n)});
    }
  }

  void send(const proto::LaunchEvent& x) {
    std::string frame;
    CAF_REQUIRE(append_frame(frame, x));
    // In two parts, as it may arrive.
    auto half = frame.size() / 2;
    CAF_REQUIRE(::send(fd_.get(), frame.data(), half, 0) > 0);
    CAF_REQUIRE(::send(fd_.get(), frame.data() + half, frame.size() - half, 0)
                > 0);
  }

  void close() {
    fd_.reset();
  }

private:
  unique_fd fd_;
  frame_reader frames_;
};

std::pair<int, int> socket_pair() {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    CAF_FAIL("no socket pair");
  return {ends[0], ends[1]};
}

// Real threads: there is one that reads.
struct fixture {
  fixture() : ends(socket_pair()), launcher(ends.second), self(sys) {
    aut = sys.spawn<caf::detached>(launcher_link, ends.first);
  }

  ~fixture() {
    caf::anon_send_exit(aut, caf::exit_reason::user_shutdown);
  }

  void start(uint64_t id, const std::string& program) {
    launch_command x;
    x.start.set_id(id);
    x.start.add_argv(program);
    x.observer = caf::actor_cast<launch_observer>(self);
    self->send(aut, std::move(x));
  }

  /// Returns a reference: the checks of CAF do not keep temporaries alive.
  const proto::LaunchEvent& heard() {
    self->receive([&](launch_event& x) { last = std::move(x.event); },
                  caf::after(10s) >> [] { CAF_FAIL("nothing was heard"); });
    return last;
  }

  std::pair<int, int> ends;
  fake_launcher launcher;
  caf::actor_system_config cfg;
  caf::actor_system sys{cfg};
  caf::scoped_actor self;
  launcher_actor aut;
  proto::LaunchEvent last;
};

proto::LaunchEvent line_of(uint64_t id, const std::string& text) {
  proto::LaunchEvent x;
  x.mutable_line()->set_id(id);
  x.mutable_line()->set_text(text);
  return x;
}

proto::LaunchEvent exit_of(uint64_t id) {
  proto::LaunchEvent x;
  x.mutable_exited()->set_id(id);
  x.mutable_exited()->set_code(0);
  return x;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(launcher_link_tests, fixture)

CAF_TEST(commands and what becomes of them pass through) {
  start(5, "/bin/true");
  auto request = launcher.receive();
  CAF_REQUIRE(request);
  CAF_CHECK_EQUAL(request->start().id(), 5u);
  CAF_CHECK_EQUAL(request->start().argv(0), "/bin/true");
  launcher.send(line_of(5, "progress 1"));
  CAF_CHECK_EQUAL(heard().line().text(), "progress 1");
  launcher.send(exit_of(5));
  CAF_CHECK(heard().has_exited());
}

CAF_TEST(events of unknown and ended commands are dropped) {
  start(5, "x");
  launcher.send(exit_of(5));
  CAF_CHECK(heard().has_exited());
  launcher.send(line_of(5, "late"));
  launcher.send(line_of(77, "nobody's"));
  start(6, "y");
  launcher.send(line_of(6, "mine"));
  CAF_CHECK_EQUAL(heard().line().text(), "mine");
}

CAF_TEST(stops go only to commands that run) {
  stop_command stop;
  stop.stop.set_id(5);
  self->send(aut, stop);
  start(5, "x");
  self->send(aut, stop);
  auto request = launcher.receive();
  CAF_CHECK(request && request->has_start());
  request = launcher.receive();
  CAF_CHECK(request && request->has_stop());
}

CAF_TEST(the end of the launcher is the end of its link) {
  self->monitor(aut);
  start(5, "x");
  CAF_CHECK(launcher.receive());
  launcher.close();
  caf::error reason;
  self->receive([&](caf::down_msg& x) { reason = x.reason; },
                caf::after(10s) >> [] { CAF_FAIL("it lives"); });
  CAF_CHECK(reason == caf::exit_reason::remote_link_unreachable);
}

CAF_TEST(a launcher that sends garbage is as good as gone) {
  self->monitor(aut);
  std::string garbage(64, '\xFF');
  CAF_REQUIRE(::send(ends.second, garbage.data(), garbage.size(), 0) > 0);
  auto down = false;
  self->receive([&](caf::down_msg&) { down = true; },
                caf::after(10s) >> [] { CAF_FAIL("it lives"); });
  CAF_CHECK(down);
}

CAF_TEST(the launcher sees the end of the node) {
  caf::anon_send_exit(aut, caf::exit_reason::user_shutdown);
  CAF_CHECK(!launcher.receive());
}

CAF_TEST_FIXTURE_SCOPE_END()

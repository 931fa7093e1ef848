// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "apps/launcher.hpp"
#include "proto/launcher.pb.h"
#include "runtime/launch/frame.hpp"
#include "runtime/launch/unique_fd.hpp"
#include "tests/apps/test_process.hpp"
#include "tests/support/temp_folder.hpp"

#include <caf/test/dsl.hpp>

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Needs CAF_SUITE, as all tests have it.

namespace coppice::test {

/// The node's side of a launcher.
struct launcher_fixture {
  launcher_fixture() {
    int fds[2];
    CAF_REQUIRE_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds),
                      0);
    socket = unique_fd{fds[0]};
    unique_fd theirs{fds[1]};
    launcher.emplace([&] { return run_launcher(theirs.get(), -1); });
  }

  ~launcher_fixture() {
    // The orderly way first: it kills what a failed test has left.
    socket.reset();
    launcher->wait();
  }

  // -- requests ---------------------------------------------------------------

  /// Returns a request to run *script* with the shell.
  proto::StartCommand shell(uint64_t id, const std::string& script) {
    proto::StartCommand x;
    x.set_id(id);
    for (auto arg : {"/bin/sh", "-c", script.c_str()})
      x.add_argv(arg);
    x.set_log_file(path("log"));
    return x;
  }

  void start(const proto::StartCommand& x) {
    proto::LaunchRequest request;
    *request.mutable_start() = x;
    send_request(request);
  }

  void stop(uint64_t id, uint64_t grace_ms) {
    proto::LaunchRequest request;
    request.mutable_stop()->set_id(id);
    request.mutable_stop()->set_grace_ms(grace_ms);
    send_request(request);
  }

  void send_request(const proto::LaunchRequest& x) {
    std::string frame;
    CAF_REQUIRE(append_frame(frame, x));
    send_bytes(frame);
  }

  void send_bytes(std::string_view bytes) {
    while (!bytes.empty()) {
      auto n = send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      CAF_REQUIRE(n > 0);
      bytes.remove_prefix(static_cast<size_t>(n));
    }
  }

  // -- events -----------------------------------------------------------------

  proto::LaunchEvent next() {
    for (;;) {
      auto frame = reader.next();
      CAF_REQUIRE(frame);
      if (frame.value()) {
        proto::LaunchEvent x;
        CAF_REQUIRE(x.ParseFromArray(frame.value()->data(),
                                     static_cast<int>(frame.value()->size())));
        return x;
      }
      receive();
    }
  }

  void receive() {
    pollfd fd{socket.get(), POLLIN, 0};
    auto ms = std::chrono::milliseconds{patience}.count();
    CAF_REQUIRE_EQUAL(poll(&fd, 1, static_cast<int>(ms)), 1);
    std::array<char, 65536> buffer;
    auto n = recv(socket.get(), buffer.data(), buffer.size(), 0);
    CAF_REQUIRE(n > 0);
    reader.append({buffer.data(), static_cast<size_t>(n)});
  }

  proto::CommandStarted started() {
    auto x = next();
    CAF_REQUIRE(x.has_started());
    return x.started();
  }

  proto::CommandExited exited() {
    auto x = next();
    CAF_REQUIRE(x.has_exited());
    return x.exited();
  }

  std::string line() {
    auto x = next();
    CAF_REQUIRE(x.has_line());
    return x.line().text();
  }

  /// Starts *x* and returns how it ended, which is its exit code or 1000 + its
  /// signal.
  int run(const proto::StartCommand& x) {
    start(x);
    started();
    auto end = exited();
    return end.how_case() == proto::CommandExited::kCode ? end.code()
                                                         : 1000 + end.signal();
  }

  std::string not_started(const proto::StartCommand& x) {
    start(x);
    auto event = next();
    CAF_REQUIRE(event.has_not_started());
    CAF_CHECK_EQUAL(event.not_started().id(), x.id());
    return event.not_started().reason();
  }

  // -- files ------------------------------------------------------------------

  std::string path(const std::string& name) const {
    return (folder.path() / name).string();
  }

  temp_folder folder;
  unique_fd socket;
  std::optional<child_process> launcher;
  frame_reader reader;
};

} // namespace coppice::test

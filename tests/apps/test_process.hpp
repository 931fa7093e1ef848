// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace coppice::test {

/// Long enough for a slow machine with sanitizers; nothing waits for it but a
/// test that fails.
inline constexpr auto patience = std::chrono::seconds{30};

/// Waits until *condition* holds. Returns whether it came to hold in time.
inline bool eventually(const std::function<bool()>& condition) {
  auto deadline = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < deadline) {
    if (condition())
      return true;
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }
  return condition();
}

/// Returns whether *pid* exists and is not a zombie.
inline bool is_alive(pid_t pid) {
  std::ifstream in{"/proc/" + std::to_string(pid) + "/stat"};
  std::string text;
  std::getline(in, text);
  auto name_end = text.rfind(')');
  return name_end != std::string::npos && text[name_end + 2] != 'Z';
}

/// Returns the number that a process wrote into *file*, once it is there.
inline pid_t pid_in(const std::string& file) {
  pid_t result = 0;
  eventually([&] {
    std::ifstream in{file};
    std::string line;
    // Only a whole line is a whole number.
    if (!std::getline(in, line) || in.eof())
      return false;
    result = std::stoi(line);
    return true;
  });
  return result;
}

/// A forked process that is killed and reaped at the end of the test.
class child_process {
public:
  /// Runs *body* in a fork of this process.
  explicit child_process(const std::function<int()>& body) : pid_(fork()) {
    // _exit: what the test has open is not the child's to flush.
    if (pid_ == 0)
      _exit(body());
  }

  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;

  ~child_process() {
    if (status_)
      return;
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

  void signal(int number) const {
    ::kill(pid_, number);
  }

  /// Waits for the end.
  /// @returns The exit code, 1000 + the number of a signal, or -1 if it does
  ///          not end in time.
  int wait() {
    eventually([&] { return has_ended(); });
    if (!status_)
      return -1;
    return WIFEXITED(*status_) ? WEXITSTATUS(*status_)
                               : 1000 + WTERMSIG(*status_);
  }

  bool has_ended() {
    int status = 0;
    if (!status_ && waitpid(pid_, &status, WNOHANG) == pid_)
      status_ = status;
    return status_.has_value();
  }

  pid_t pid() const noexcept {
    return pid_;
  }

private:
  pid_t pid_;
  std::optional<int> status_;
};

} // namespace coppice::test

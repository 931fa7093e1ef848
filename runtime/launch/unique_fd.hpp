// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <unistd.h>

#include <utility>

namespace coppice {

/// Owns a file descriptor and closes it.
class unique_fd {
public:
  // -- constructors, destructors, and assignment operators --------------------

  unique_fd() = default;

  explicit unique_fd(int fd) noexcept : fd_(fd) {}

  unique_fd(unique_fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

  unique_fd& operator=(unique_fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    other.reset();
    return *this;
  }

  ~unique_fd() {
    reset();
  }

  // -- modifiers --------------------------------------------------------------

  void reset() noexcept {
    if (fd_ >= 0)
      close(std::exchange(fd_, -1));
  }

  /// Gives the descriptor away.
  int release() noexcept {
    return std::exchange(fd_, -1);
  }

  // -- properties -------------------------------------------------------------

  /// Returns the descriptor, or -1.
  int get() const noexcept {
    return fd_;
  }

  explicit operator bool() const noexcept {
    return fd_ >= 0;
  }

private:
  int fd_ = -1;
};

} // namespace coppice

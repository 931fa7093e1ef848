// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "tests/process/support/real_node.hpp"

#include <chrono>
#include <filesystem>
#include <string>

namespace coppice::test {

/// A disk that makes nodes wait, see slow_disk.c; at first it does not.
class slow_disk {
public:
  /// @param folder Where it has a file of its own.
  /// @param name Tells it from others that have theirs there.
  explicit slow_disk(const std::filesystem::path& folder,
                     const std::string& name = {});

  /// Has *node* use it from its next start on.
  void give_to(real_node& node) const;

  /// Makes whatever waits for the disk wait so much longer. What waits already
  /// goes on waiting.
  void slow_down(std::chrono::milliseconds pause);

private:
  std::filesystem::path file_;
};

} // namespace coppice::test

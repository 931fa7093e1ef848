// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace coppice::test {

/// Lets this process, and those that it starts, mount disks that nobody else
/// sees. Call it while there is one thread only.
/// @returns Why it cannot, or nothing.
std::string allow_mounts();

/// A disk in memory that is soon full. Goes away with the test.
class small_disk {
public:
  /// @pre `allow_mounts` has succeeded.
  /// @param where An existing folder.
  small_disk(std::filesystem::path where, uint64_t bytes);

  ~small_disk();

  small_disk(const small_disk&) = delete;

  small_disk& operator=(const small_disk&) = delete;

  /// Takes so much of it that *bytes* are left.
  /// @returns Whether that is so: others may have written meanwhile.
  bool leave(uint64_t bytes);

  /// Gives back *bytes* of what `leave` took.
  void give_back(uint64_t bytes);

  /// Gives back all of what `leave` took.
  void make_room();

  const std::filesystem::path& path() const {
    return path_;
  }

private:
  std::filesystem::path filler() const {
    return path_ / "filler";
  }

  std::filesystem::path path_;
};

} // namespace coppice::test

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/backup.pb.h"
#include "runtime/error.hpp"
#include "runtime/launch/unique_fd.hpp"
#include "runtime/sha256.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coppice {

/// The layout of a backup that this version writes, and the newest one that it
/// reads.
inline constexpr uint32_t backup_format = 1;

/// Returns whether *name* can be that of a group, and of its folder: 1 to 64 of
/// `a-z0-9-`, the first one no dash.
bool is_group_name(std::string_view name);

/// Writes a backup to FILE.part, and gives it its name when it is complete and
/// on disk. Without `finish` nothing is left of it.
///
/// After an error nothing but the end of the writer makes sense.
class backup_writer {
public:
  // -- constructors, destructors, and assignment operators --------------------

  /// @param file Where the backup is to be.
  /// @param replace There may be a file, which is replaced in the end.
  /// @returns `conflict` if there is one and it may not, or somebody writes a
  ///          backup to it; `storage_failure` if it cannot be written there.
  static result<backup_writer> create(const std::filesystem::path& file,
                                      bool replace);

  backup_writer(backup_writer&&) noexcept = default;

  backup_writer& operator=(backup_writer&&) = delete;

  ~backup_writer();

  // -- modifiers --------------------------------------------------------------

  /// Writes the header. Comes first.
  result<> begin(const proto::BackupHeader& x);

  /// Begins a group; one that was begun and not ended is as if it never was.
  result<> begin_group(const proto::BackupGroup& x);

  /// Writes the next bytes of the tables of the group.
  result<> append(std::string_view bytes);

  /// Ends a group.
  /// @returns `invalid_argument` unless it has as many bytes as was said.
  result<> end_group();

  /// Makes the backup durable and gives it its name.
  /// @returns `conflict` if there is a file of that name by now.
  result<> finish();

  // -- properties -------------------------------------------------------------

  /// Returns how large the file is so far.
  uint64_t size() const noexcept {
    return size_;
  }

private:
  backup_writer(std::filesystem::path file, bool replace, unique_fd fd);

  result<> write(std::string_view bytes);

  result<> write_head(const proto::BackupSection& x);

  result<> write_sum();

  result<> give_name();

  std::filesystem::path part() const;

  // -- member variables -------------------------------------------------------

  std::filesystem::path file_;

  bool replace_;

  unique_fd fd_;

  sha256 sum_;

  uint64_t size_ = 0;

  proto::BackupEnd end_;

  /// Where the group began that has not ended.
  uint64_t group_at_ = 0;

  /// How many bytes it is to have.
  uint64_t expected_ = 0;

  /// How many it lacks.
  uint64_t missing_ = 0;
};

/// A backup that is whole, and that this version understands.
class backup_file {
public:
  // -- constructors, destructors, and assignment operators --------------------

  /// Reads all of *file*, and changes nothing.
  /// @returns `system_failure` if it cannot be read; `corrupt_store` if it is
  ///          no backup, is damaged or incomplete, or a newer version wrote it.
  static result<backup_file> open(const std::filesystem::path& file);

  // -- properties -------------------------------------------------------------

  const proto::BackupHeader& header() const noexcept {
    return header_;
  }

  const std::vector<proto::BackupGroup>& groups() const noexcept {
    return groups_;
  }

  uint64_t size() const noexcept {
    return size_;
  }

  /// Writes the tables of a group to the new file *to*, which is durable then,
  /// but not its name.
  /// @param group Its place in `groups`.
  /// @returns `storage_failure` if a disk refuses; `corrupt_store` if the
  ///          backup has changed since `open`.
  result<> extract(size_t group, const std::filesystem::path& to) const;

private:
  friend class backup_reader;

  std::filesystem::path file_;

  unique_fd fd_;

  uint64_t size_ = 0;

  proto::BackupHeader header_;

  std::vector<proto::BackupGroup> groups_;

  /// Where the bytes of each begin, and the sum of them alone.
  std::vector<std::pair<uint64_t, std::string>> places_;
};

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/peer.pb.h"
#include "runtime/error.hpp"
#include "runtime/launch/unique_fd.hpp"
#include "storage/tables.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>

namespace coppice {

/// A copy of tables as they were at one moment, for others to fetch in parts.
/// Its file has no name and goes with this object, or with the process.
class tables_copy {
public:
  /// Copies what is on disk of *db*. Takes as long as the disk needs; others
  /// use the tables meanwhile.
  /// @param dir A folder on a disk with as much room as the tables take.
  /// @returns `storage_failure` if the disk refuses.
  static result<tables_copy> make(tables& db, const std::filesystem::path& dir);

  /// Returns at most *max_bytes* from *offset* on; no data if there is none.
  /// @returns `storage_failure` if the disk refuses.
  result<proto::TablesPart> read(uint64_t offset, size_t max_bytes) const;

  /// Returns what tells it from other copies; not 0.
  uint64_t number() const noexcept {
    return number_;
  }

  /// Returns how many tasks there were when it was begun.
  uint64_t tasks() const noexcept {
    return tasks_;
  }

private:
  tables_copy(unique_fd fd, uint64_t number, uint64_t size, uint64_t tasks)
    : fd_(std::move(fd)),
      number_(number),
      size_(size),
      tasks_(tasks) {}

  unique_fd fd_;
  uint64_t number_;
  uint64_t size_;
  uint64_t tasks_;
};

/// Tables that come in parts, next to those in use. What is not finished is
/// worthless after a restart.
class tables_intake {
public:
  /// Begins anew.
  /// @param folder The folder of the group, which has the tables in it.
  /// @returns `storage_failure` if the disk refuses.
  static result<tables_intake> begin(const std::filesystem::path& folder);

  /// Takes the next part; others, and those of another copy in the midst of
  /// one, have no effect. The first part of another copy begins that one.
  /// @returns whether it was the last one: the tables are on disk then, for
  ///          `adopt_tables`. `storage_failure` if the disk refuses.
  result<bool> take(const proto::TablesPart& x);

  /// Returns what to ask for.
  proto::TablesWanted wanted() const;

private:
  tables_intake(std::filesystem::path folder, unique_fd fd)
    : folder_(std::move(folder)),
      fd_(std::move(fd)) {}

  result<> finish();

  std::filesystem::path folder_;
  unique_fd fd_;
  uint64_t copy_ = 0;
  uint64_t offset_ = 0;
};

/// Draws a number that nobody else draws; not 0.
uint64_t draw_number();

/// The folder in that of a group that has its tables.
inline constexpr const char* tables_folder_name = "tables";

/// How LMDB names its file in a folder.
inline constexpr const char* tables_file_name = "data.mdb";

/// Opens the tables of a group. If a `tables_intake` has others ready, these
/// take their place before.
/// @param folder The folder of the group.
/// @returns what `tables::open` returns.
result<std::unique_ptr<tables>> open_tables(const std::filesystem::path& folder,
                                            const tables_options& options);

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/error.hpp"
#include "runtime/health/node_entry.hpp"
#include "storage/lmdb_env.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace coppice {

/// What a node had of the list of nodes when it was saved last.
struct saved_view {
  std::string cluster;
  /// Ordered by name. Some may be newer than *version*.
  std::vector<node_entry> rows;
  /// Everything up to it is in there; zeros: nothing was ever saved.
  list_version version;
  /// When it was known to be complete, Unix time in milliseconds; 0: never.
  int64_t confirmed_ms = 0;
};

/// The list of nodes on the disk of each node: it is what a node knows of the
/// others while no manager answers. Nothing is lost with it: managers tell it
/// again.
class cluster_view {
public:
  struct opened_view {
    std::unique_ptr<cluster_view> view;
    saved_view saved;
    /// Why the one that was there could not be read; it is gone.
    std::optional<error> damage;
  };

  /// Opens the view in the folder *dir*, which is made if it is not there.
  static result<std::unique_ptr<cluster_view>>
  open(const std::filesystem::path& dir);

  /// Returns all that was saved.
  result<saved_view> load() const;

  /// Writes rows, those that are forgotten removes them, and the rest of *x*
  /// over what was there. Durable once it returns.
  result<> save(const saved_view& x);

  /// Removes all rows.
  result<> clear();

  /// Opens the view in the folder *dir* and loads what is in it. One that
  /// cannot be read is made anew.
  static result<opened_view> open_or_renew(const std::filesystem::path& dir);

private:
  cluster_view(lmdb_env env, MDB_dbi nodes);

  lmdb_env env_;

  MDB_dbi nodes_;
};

} // namespace coppice

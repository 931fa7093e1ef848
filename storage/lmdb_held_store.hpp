// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "storage/held_store.hpp"
#include "storage/lmdb_env.hpp"

#include <filesystem>
#include <memory>

namespace coppice {

/// Held requests in an LMDB environment of their own. The note that one is
/// being delivered is a row beside it: the request, which may be large, is
/// written once.
class lmdb_held_store : public held_store {
public:
  struct opened_store {
    std::unique_ptr<lmdb_held_store> store;
    held_rows found;
  };

  /// Opens the store in the folder *dir*, which is made if it is not there.
  /// Rows that cannot be read are moved to a table of their own.
  /// @returns `corrupt_store` if a newer program wrote it, or it cannot be read
  ///          at all; nothing was changed then.
  static result<opened_store> open(const std::filesystem::path& dir);

  result<> write(const std::vector<held_change>& xs) override;

private:
  struct tables {
    MDB_dbi request = 0;
    MDB_dbi delivered = 0;
    MDB_dbi damaged = 0;
  };

  lmdb_held_store(lmdb_env env, tables dbis);

  /// Reads all rows, and sets aside what is damaged.
  result<held_rows> load();

  result<> load_requests(lmdb_txn& txn, held_rows& out);

  result<> load_marks(lmdb_txn& txn, held_rows& out);

  result<> apply(lmdb_txn& txn, const held_change& x);

  lmdb_env env_;

  tables dbis_;
};

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/error.hpp"

#include <lmdb.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace coppice {

/// A key and its value. Both point into LMDB's map and die with the next write
/// of the same transaction, or with the transaction.
using lmdb_row = std::pair<std::string_view, std::string_view>;

/// Turns the LMDB or system code *rc* into an error that says what was
/// attempted, and in which folder.
///
/// `storage_failure` for what a disk does (no space and I/O errors have texts
/// of their own), `corrupt_store` for what cannot be read back, and
/// `invalid_argument` for a key or value of an impossible size.
error lmdb_error(int rc, std::string_view attempt,
                 const std::filesystem::path& dir);

/// Walks over one table of a transaction in the order of the keys. Must not
/// outlive the call of `lmdb_env::read` or `lmdb_env::write` it was made in.
class lmdb_cursor {
public:
  // -- modifiers --------------------------------------------------------------

  /// Goes to the first row whose key is not less than *key*.
  result<std::optional<lmdb_row>> seek(std::string_view key);

  /// Goes to the first row.
  result<std::optional<lmdb_row>> first();

  /// Goes to the last row.
  result<std::optional<lmdb_row>> last();

  /// Goes to the next row, or to the first one if it is nowhere yet.
  result<std::optional<lmdb_row>> next();

  /// Goes to the previous row, or to the last one if it is nowhere yet.
  result<std::optional<lmdb_row>> previous();

  /// Writes a row. Cheaper than `lmdb_txn::put` where keys come in order.
  result<> put(std::string_view key, std::string_view value);

  /// Erases the row of exactly *key*.
  /// @returns Whether there was one.
  result<bool> erase(std::string_view key);

private:
  // -- member types -----------------------------------------------------------

  friend class lmdb_txn;

  struct closer {
    void operator()(MDB_cursor* x) const noexcept {
      mdb_cursor_close(x);
    }
  };

  // -- constructors, destructors, and assignment operators --------------------

  lmdb_cursor(MDB_cursor* cursor, class lmdb_txn* txn)
    : cursor_(cursor),
      txn_(txn) {
    // nop
  }

  // -- modifiers --------------------------------------------------------------

  result<std::optional<lmdb_row>> go(MDB_cursor_op op, std::string_view key);

  // -- member variables -------------------------------------------------------

  std::unique_ptr<MDB_cursor, closer> cursor_;

  /// Told of failures, so that a full map is not missed.
  class lmdb_txn* txn_;
};

/// A transaction, as `lmdb_env` hands it to a function. Lives as long as that
/// call; belongs to its thread.
class lmdb_txn {
public:
  // -- constructors, destructors, and assignment operators --------------------

  lmdb_txn(const lmdb_txn&) = delete;

  lmdb_txn& operator=(const lmdb_txn&) = delete;

  // -- modifiers --------------------------------------------------------------

  /// Writes a row over what was there.
  /// @param flags LMDB's, e.g. `MDB_APPEND`.
  result<> put(MDB_dbi table, std::string_view key, std::string_view value,
               unsigned flags = 0);

  /// Erases a row.
  /// @returns Whether there was one.
  result<bool> erase(MDB_dbi table, std::string_view key);

  /// Erases all rows of a table.
  result<> clear(MDB_dbi table);

  /// Opens a table, and creates it if needed. For several at once; otherwise
  /// see `lmdb_env::open_table`.
  result<MDB_dbi> open_table(const std::string& name, unsigned flags = 0);

  // -- properties -------------------------------------------------------------

  /// Returns the value of *key*, or nothing if there is no such row. It points
  /// into the map, see `lmdb_row`.
  result<std::optional<std::string_view>> get(MDB_dbi table,
                                              std::string_view key) const;

  /// Returns a cursor over *table* that stands nowhere yet.
  result<lmdb_cursor> cursor(MDB_dbi table) const;

  /// Returns how many rows *table* has.
  result<size_t> size(MDB_dbi table) const;

  /// For what this class does not offer. Codes that its user gets are to be
  /// passed on to `fail`.
  MDB_txn* native() const noexcept {
    return txn_;
  }

  /// Returns the error for *rc* and takes note of it: only so does
  /// `lmdb_env::write` notice that the map is full.
  error fail(int rc, std::string_view attempt) const;

private:
  // -- member types -----------------------------------------------------------

  friend class lmdb_env;

  // -- constructors, destructors, and assignment operators --------------------

  lmdb_txn(MDB_txn* txn, const std::filesystem::path* dir)
    : txn_(txn),
      dir_(dir) {
    // nop
  }

  // -- member variables -------------------------------------------------------

  MDB_txn* txn_;

  /// Owned by the environment.
  const std::filesystem::path* dir_;

  /// The first code that was not a success; mutable because reading fails too.
  mutable int failure_ = MDB_SUCCESS;
};

} // namespace coppice

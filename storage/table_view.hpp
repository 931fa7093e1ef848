// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/error.hpp"
#include "storage/lmdb_txn.hpp"
#include "storage/overlay.hpp"
#include "storage/table.hpp"

#include <array>
#include <optional>
#include <string_view>

namespace coppice {

/// The tables as they are at one index of the log: layers in memory over a
/// transaction of LMDB.
///
/// `tables` makes one for the time of a call. What it returns (values, keys) is
/// valid until that call ends, also when the row is changed meanwhile.
///
/// A read that fails, or a row that does not decode, looks as if the row were
/// absent, and is kept as the `failure` of the view: `tables` then refuses the
/// outcome of the whole call. So the code in between needs no error paths.
class table_view {
public:
  // -- member types -----------------------------------------------------------

  /// The layers, from the top. Either overlay may be null.
  struct layers {
    overlay* active = nullptr;
    const overlay* frozen = nullptr;
    const lmdb_txn* base = nullptr;
    const std::array<MDB_dbi, table_count>* handles = nullptr;
  };

  // -- constructors, destructors, and assignment operators --------------------

  explicit table_view(const layers& xs) : layers_(xs) {
    // nop
  }

  table_view(const table_view&) = delete;

  table_view& operator=(const table_view&) = delete;

  // -- modifiers --------------------------------------------------------------

  /// Writes a row over what was there.
  /// @pre *key* has 1 to 511 bytes.
  void put(table where, std::string_view key, std::string_view value);

  /// Writes a row that is not there: if it is erased before it was flushed,
  /// LMDB never hears of it.
  /// @pre *key* is absent.
  void insert_new(table where, std::string_view key, std::string_view value);

  /// Erases a row, if there is one.
  void erase(table where, std::string_view key);

  // -- properties -------------------------------------------------------------

  /// Returns the value of *key*.
  std::optional<std::string_view> get(table where, std::string_view key) const;

  /// Returns the first row whose key is not less than *key*.
  std::optional<table_row> lower_bound(table where, std::string_view key) const;

  /// Returns what went wrong first.
  const std::optional<error>& failure() const noexcept {
    return failure_;
  }

  /// Takes note that something went wrong; the first one counts.
  void fail(error x) const;

private:
  friend class table_cursor;

  // -- member variables -------------------------------------------------------

  layers layers_;

  /// Of `lower_bound`, made when first needed.
  mutable std::array<std::optional<lmdb_cursor>, table_count> cursors_;

  mutable std::optional<error> failure_;
};

/// Walks over the rows of a table in the order of their keys, all layers
/// merged. Cheaper than `lower_bound` again and again.
///
/// @pre The table is not changed while the cursor lives.
class table_cursor {
public:
  // -- constructors, destructors, and assignment operators --------------------

  table_cursor(const table_view& view, table where);

  // -- modifiers --------------------------------------------------------------

  /// Returns the first row whose key is not less than *key*.
  std::optional<table_row> seek(std::string_view key);

  /// Returns the row behind the one returned last.
  /// @pre The last call returned a row.
  std::optional<table_row> next();

private:
  // -- member types -----------------------------------------------------------

  /// A position in one overlay.
  struct position {
    const overlay::map_type* rows = nullptr;
    overlay::map_type::const_iterator at{};

    bool stands() const {
      return rows && at != rows->end();
    }
  };

  friend class table_view;

  // -- constructors, destructors, and assignment operators --------------------

  table_cursor(const table_view& view, table where, lmdb_cursor* base);

  // -- modifiers --------------------------------------------------------------

  void take(result<std::optional<lmdb_row>> x);

  std::optional<table_row> settle();

  // -- properties -------------------------------------------------------------

  std::optional<std::string_view> smallest() const;

  // -- member variables -------------------------------------------------------

  const table_view* view_;

  /// From the top.
  std::array<position, 2> tops_;

  std::optional<lmdb_cursor> own_base_;

  /// Null if there is nothing below the overlays.
  lmdb_cursor* base_;

  /// The row under `base_`.
  std::optional<lmdb_row> base_row_;

  /// That row has been returned or hidden: the next one is to be fetched.
  bool base_used_ = false;
};

} // namespace coppice

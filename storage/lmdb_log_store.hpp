// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "storage/lmdb_env.hpp"
#include "storage/log_store.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

namespace coppice {

/// Keeps a replica's log in an LMDB environment of its own.
///
/// Table `log`: index (native integer) -> term (8 bytes, big-endian), type (1),
/// data. Table `meta`: `state` -> term, vote; `base` -> index, term, index of
/// the configuration, configuration; and the format number.
class lmdb_log_store : public log_store {
public:
  // -- constructors, destructors, and assignment operators --------------------

  /// Opens the log in the folder *dir*, or makes an empty one.
  /// @param map_size_bytes Address space to begin with; it grows by itself.
  /// @returns `ec::corrupt_store` if a newer version wrote it,
  ///          `ec::storage_failure`.
  static result<std::unique_ptr<lmdb_log_store>>
  open(const std::filesystem::path& dir,
       size_t map_size_bytes = size_t{64} << 20);

  // -- modifiers --------------------------------------------------------------

  result<> write(const log_write& x) override;

  // -- properties -------------------------------------------------------------

  result<log_image> load() override;

  result<std::vector<log_entry>> read(uint64_t from, uint64_t to,
                                      size_t max_bytes) override;

  uint64_t first_index() const override {
    return base_ + 1;
  }

  uint64_t last_index() const override {
    return last_;
  }

  /// Returns the system's or LMDB's code of the last `write` that failed, see
  /// `lmdb_env::last_write_code`.
  int last_write_code() const noexcept {
    return env_.last_write_code();
  }

private:
  // -- member types -----------------------------------------------------------

  /// Where the log begins and ends.
  struct extent {
    uint64_t base = 0;
    uint64_t last = 0;
  };

  // -- constructors, destructors, and assignment operators --------------------

  lmdb_log_store(lmdb_env env, MDB_dbi log);

  // -- modifiers --------------------------------------------------------------

  result<> put_meta(lmdb_txn& txn, const log_write& x) const;
  result<> erase(lmdb_txn& txn, uint64_t from, uint64_t to) const;
  result<> append(lmdb_txn& txn, uint64_t first,
                  std::span<const log_entry> xs) const;
  result<extent> carry_out(lmdb_txn& txn, const log_write& x) const;

  // -- member variables -------------------------------------------------------

  lmdb_env env_;

  MDB_dbi log_;

  uint64_t base_ = 0;

  uint64_t last_ = 0;
};

} // namespace coppice

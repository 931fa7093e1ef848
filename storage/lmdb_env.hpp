// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/error.hpp"
#include "storage/lmdb_txn.hpp"

#include <lmdb.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace coppice {

/// How an environment is opened.
struct lmdb_options {
  /// Address space for the data, in bytes, to begin with. It grows by itself;
  /// the file is only as large as its data.
  size_t map_size_bytes = size_t{64} << 20;

  /// Named tables, the one for `meta` included.
  unsigned max_dbs = 32;

  /// Read transactions at one time.
  unsigned max_readers = 126;

  /// LMDB's flags in addition to `MDB_NOTLS`. Those that weaken durability,
  /// e.g. `MDB_NOSYNC`, are for tests.
  unsigned flags = 0;

  /// The newest format of the data that this program knows, from 1.
  uint32_t format = 1;
};

/// One folder of LMDB files, open in this process. The only class that knows
/// how transactions begin and end.
///
/// LMDB allows a process to open a folder once, and ties a write transaction to
/// the thread that began it, while CAF may run the next handler of an actor on
/// another thread. Hence the two rules that this class enforces: it cannot be
/// copied, and a transaction begins and ends within one call.
///
/// All members may be called from any thread, writers wait for each other. But
/// call none inside of `read` or `write`: growing the map waits until no
/// transaction is left, and nobody overtakes it.
class lmdb_env {
public:
  // -- member types -----------------------------------------------------------

  using write_fun = std::function<result<>(lmdb_txn&)>;

  using read_fun = std::function<result<>(const lmdb_txn&)>;

  // -- constructors, destructors, and assignment operators --------------------

  /// Opens *dir*, creates it if needed, and drops readers of dead processes.
  /// @param dir A folder on a local disk that nothing else writes to, and that
  ///            is not open in this process already.
  /// @returns `corrupt_store` if its format is newer than `options.format`;
  ///          nothing was changed then.
  static result<lmdb_env> open(const std::filesystem::path& dir,
                               const lmdb_options& options);

  lmdb_env(lmdb_env&&) noexcept;

  lmdb_env& operator=(lmdb_env&&) noexcept;

  /// @pre No transaction runs, and no table handle is used any more.
  ~lmdb_env();

  // -- modifiers --------------------------------------------------------------

  /// Opens the table *name*, and creates it if needed. Do this at the start,
  /// once per table: the handle is good until the environment closes.
  /// @param flags LMDB's, e.g. `MDB_INTEGERKEY`.
  result<MDB_dbi> open_table(const std::string& name, unsigned flags = 0);

  /// Calls *fun* with a write transaction and commits it, unless *fun* returns
  /// an error.
  ///
  /// If the map is full it is doubled, within the free space of the disk, and
  /// *fun* is called AGAIN: what it does outside of the transaction has to bear
  /// that.
  /// @returns The error of *fun*, or `storage_failure`; nothing was changed
  ///          then.
  /// @post On success the changes survive a crash.
  result<> write(const write_fun& fun);

  /// Writes the last committed state to the file *fd*, without the space that
  /// is free in it: the file `data.mdb` of another folder. Others read and
  /// write meanwhile.
  /// @returns `storage_failure` if a disk refuses.
  result<> copy_to(int fd);

  // -- properties -------------------------------------------------------------

  /// Calls *fun* with a view of the last committed state. Keep it short: pages
  /// that it might see are not used again meanwhile.
  result<> read(const read_fun& fun) const;

  /// Returns the table with the format number, key `format`. Other keys are
  /// free for the user of the environment.
  MDB_dbi meta() const noexcept;

  /// Returns the address space for the data now, in bytes.
  size_t map_size_bytes() const;

  /// Returns the system's or LMDB's code of the last `write` that failed, 0 if
  /// the last one succeeded. `ENOSPC` can pass, after `EIO` the process should
  /// end: a write cut short by a full disk, for which LMDB says `EIO`, is told
  /// as `ENOSPC` here.
  int last_write_code() const noexcept;

  const std::filesystem::path& dir() const noexcept;

private:
  // -- member types -----------------------------------------------------------

  struct impl;

  // -- constructors, destructors, and assignment operators --------------------

  explicit lmdb_env(std::unique_ptr<impl> x);

  // -- modifiers --------------------------------------------------------------

  result<> write_once(const write_fun& fun, int& rc);

  result<> check_format(uint32_t known);

  // -- member variables -------------------------------------------------------

  std::unique_ptr<impl> impl_;
};

} // namespace coppice

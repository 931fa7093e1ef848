// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/lmdb_txn.hpp"

#include <cerrno>
#include <string>

namespace coppice {

namespace {

MDB_val to_val(std::string_view x) {
  // LMDB's type is not const-correct; it does not write through the pointer.
  return {x.size(), const_cast<char*>(x.data())};
}

std::string_view to_view(const MDB_val& x) {
  return {static_cast<const char*>(x.mv_data), x.mv_size};
}

ec classify(int rc) {
  switch (rc) {
    case MDB_BAD_VALSIZE:
      return ec::invalid_argument;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
      return ec::corrupt_store;
    case MDB_READERS_FULL:
      return ec::overloaded;
    case MDB_PANIC: // LMDB takes no write any more: to try again is of no use.
      return ec::system_failure;
    default:
      return ec::storage_failure;
  }
}

std::string describe(int rc) {
  switch (rc) {
    case ENOSPC:
    case EDQUOT:
      return "no space left on the disk: free some, it is tried again";
    case EIO:
      return "the disk does not work (input/output error)";
    case MDB_PANIC:
      return "an earlier write failed half-way: the node has to start again";
    case MDB_BAD_VALSIZE:
      return "a key or a value has an impossible size";
    default:
      return mdb_strerror(rc);
  }
}

} // namespace

error lmdb_error(int rc, std::string_view attempt,
                 const std::filesystem::path& dir) {
  return {classify(rc), "cannot " + std::string{attempt} + " in '"
                          + dir.string() + "': " + describe(rc)};
}

// -- lmdb_cursor --------------------------------------------------------------

result<std::optional<lmdb_row>> lmdb_cursor::go(MDB_cursor_op op,
                                                std::string_view at) {
  auto key = to_val(at);
  MDB_val value{};
  auto rc = mdb_cursor_get(cursor_.get(), &key, &value, op);
  if (rc == MDB_NOTFOUND)
    return std::optional<lmdb_row>{};
  if (rc != MDB_SUCCESS)
    return txn_->fail(rc, "read rows");
  return std::optional{lmdb_row{to_view(key), to_view(value)}};
}

result<std::optional<lmdb_row>> lmdb_cursor::seek(std::string_view key) {
  // LMDB takes no empty key: before all others is where the first one is.
  return key.empty() ? first() : go(MDB_SET_RANGE, key);
}

result<std::optional<lmdb_row>> lmdb_cursor::first() {
  return go(MDB_FIRST, {});
}

result<std::optional<lmdb_row>> lmdb_cursor::last() {
  return go(MDB_LAST, {});
}

result<std::optional<lmdb_row>> lmdb_cursor::next() {
  return go(MDB_NEXT, {});
}

result<std::optional<lmdb_row>> lmdb_cursor::previous() {
  return go(MDB_PREV, {});
}

result<> lmdb_cursor::put(std::string_view key, std::string_view value) {
  auto k = to_val(key);
  auto v = to_val(value);
  if (auto rc = mdb_cursor_put(cursor_.get(), &k, &v, 0); rc != MDB_SUCCESS)
    return txn_->fail(rc, "write a row");
  return ok();
}

result<bool> lmdb_cursor::erase(std::string_view at) {
  auto key = to_val(at);
  MDB_val value{};
  auto rc = mdb_cursor_get(cursor_.get(), &key, &value, MDB_SET);
  if (rc == MDB_NOTFOUND)
    return false;
  if (rc == MDB_SUCCESS)
    rc = mdb_cursor_del(cursor_.get(), 0);
  if (rc != MDB_SUCCESS)
    return txn_->fail(rc, "erase a row");
  return true;
}

// -- lmdb_txn -----------------------------------------------------------------

result<> lmdb_txn::put(MDB_dbi table, std::string_view key,
                       std::string_view value, unsigned flags) {
  auto k = to_val(key);
  auto v = to_val(value);
  if (auto rc = mdb_put(txn_, table, &k, &v, flags); rc != MDB_SUCCESS)
    return fail(rc, "write a row");
  return ok();
}

result<bool> lmdb_txn::erase(MDB_dbi table, std::string_view key) {
  auto k = to_val(key);
  auto rc = mdb_del(txn_, table, &k, nullptr);
  if (rc == MDB_NOTFOUND)
    return false;
  if (rc != MDB_SUCCESS)
    return fail(rc, "erase a row");
  return true;
}

result<> lmdb_txn::clear(MDB_dbi table) {
  if (auto rc = mdb_drop(txn_, table, 0); rc != MDB_SUCCESS)
    return fail(rc, "clear a table");
  return ok();
}

result<MDB_dbi> lmdb_txn::open_table(const std::string& name, unsigned flags) {
  MDB_dbi dbi = 0;
  auto rc = mdb_dbi_open(txn_, name.c_str(), flags | MDB_CREATE, &dbi);
  if (rc != MDB_SUCCESS)
    return fail(rc, "open the table '" + name + "'");
  return dbi;
}

result<std::optional<std::string_view>>
lmdb_txn::get(MDB_dbi table, std::string_view key) const {
  auto k = to_val(key);
  MDB_val value{};
  auto rc = mdb_get(txn_, table, &k, &value);
  if (rc == MDB_NOTFOUND)
    return std::optional<std::string_view>{};
  if (rc != MDB_SUCCESS)
    return fail(rc, "read a row");
  return std::optional{to_view(value)};
}

result<lmdb_cursor> lmdb_txn::cursor(MDB_dbi table) const {
  MDB_cursor* x = nullptr;
  if (auto rc = mdb_cursor_open(txn_, table, &x); rc != MDB_SUCCESS)
    return fail(rc, "open a cursor");
  // A cursor writes only where its transaction may.
  return lmdb_cursor{x, const_cast<lmdb_txn*>(this)};
}

result<size_t> lmdb_txn::size(MDB_dbi table) const {
  MDB_stat stat{};
  if (auto rc = mdb_stat(txn_, table, &stat); rc != MDB_SUCCESS)
    return fail(rc, "count rows");
  return stat.ms_entries;
}

error lmdb_txn::fail(int rc, std::string_view attempt) const {
  if (failure_ == MDB_SUCCESS)
    failure_ = rc;
  return lmdb_error(rc, attempt, *dir_);
}

} // namespace coppice

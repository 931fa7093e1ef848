// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/lmdb_env.hpp"

#include "runtime/key_codec.hpp"
#include "storage/fair_lock.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <utility>
#include <vector>

namespace coppice {

namespace fs = std::filesystem;

namespace {

constexpr auto format_key = std::string_view{"format"};

/// LMDB wants a multiple of the page size; this is one on every system.
constexpr size_t map_granularity = size_t{1} << 20;

size_t round_up(size_t x) {
  return (x + map_granularity - 1) / map_granularity * map_granularity;
}

/// Less free space than this, and a write that was cut short is a full disk.
constexpr uintmax_t scarce_bytes = uintmax_t{8} << 20;

/// LMDB reports a write that was cut short as EIO, which on a disk that fills
/// up it is not: then that is what this returns.
int clarify(int rc, const fs::path& dir) {
  if (rc != EIO)
    return rc;
  std::error_code code;
  auto disk = fs::space(dir, code);
  return !code && disk.available < scarce_bytes ? ENOSPC : rc;
}

struct abort_txn {
  void operator()(MDB_txn* x) const noexcept {
    mdb_txn_abort(x);
  }
};

using txn_ptr = std::unique_ptr<MDB_txn, abort_txn>;

} // namespace

struct lmdb_env::impl {
  // -- constructors, destructors, and assignment operators --------------------

  impl(fs::path where, MDB_env* handle) : dir(std::move(where)), env(handle) {
    // nop
  }

  ~impl() {
    spare_readers.clear();
    mdb_env_close(env);
  }

  // -- modifiers --------------------------------------------------------------

  /// Doubles the map, unless somebody else did since it was *seen* bytes large.
  result<> grow(size_t seen) {
    // LMDB does not check that no transaction is alive: this lock does.
    auto guard = map_lock.alone();
    if (map_size != seen)
      return ok();
    std::error_code code;
    auto disk = fs::space(dir, code);
    auto room = code ? map_size : static_cast<size_t>(disk.available);
    auto wanted
      = map_size + std::min(map_size, room) / map_granularity * map_granularity;
    if (wanted == map_size)
      return lmdb_error(ENOSPC, "grow the map", dir);
    if (auto rc = mdb_env_set_mapsize(env, wanted); rc != MDB_SUCCESS)
      return lmdb_error(rc, "grow the map", dir);
    map_size = wanted;
    return ok();
  }

  /// Takes a read transaction out of the pool, or makes one.
  /// @pre The caller holds `map_lock`.
  result<txn_ptr> take_reader() {
    txn_ptr spare;
    {
      std::unique_lock guard{spare_lock};
      if (!spare_readers.empty()) {
        spare = std::move(spare_readers.back());
        spare_readers.pop_back();
      }
    }
    if (spare) {
      if (auto rc = mdb_txn_renew(spare.get()); rc != MDB_SUCCESS)
        return lmdb_error(rc, "begin to read", dir);
      return spare;
    }
    MDB_txn* txn = nullptr;
    auto rc = mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn);
    if (rc != MDB_SUCCESS)
      return lmdb_error(rc, "begin to read", dir);
    return txn_ptr{txn};
  }

  void give_back(txn_ptr txn) {
    mdb_txn_reset(txn.get());
    std::unique_lock guard{spare_lock};
    spare_readers.push_back(std::move(txn));
  }

  // -- member variables -------------------------------------------------------

  fs::path dir;

  MDB_env* env;

  MDB_dbi meta = 0;

  /// Held shared by whoever has a transaction, alone to move the map.
  mutable fair_lock map_lock;

  /// Guarded by `map_lock`.
  size_t map_size = 0;

  std::atomic<int> last_code = MDB_SUCCESS;

  std::mutex spare_lock;

  /// Reset read transactions: renewing one is much cheaper than a new one.
  /// Guarded by `spare_lock`.
  std::vector<txn_ptr> spare_readers;
};

// -- constructors, destructors, and assignment operators ----------------------

lmdb_env::lmdb_env(std::unique_ptr<impl> x) : impl_(std::move(x)) {
  // nop
}

lmdb_env::lmdb_env(lmdb_env&&) noexcept = default;

lmdb_env& lmdb_env::operator=(lmdb_env&&) noexcept = default;

lmdb_env::~lmdb_env() = default;

result<lmdb_env> lmdb_env::open(const fs::path& dir,
                                const lmdb_options& options) {
  std::error_code code;
  fs::create_directories(dir, code);
  if (code)
    return lmdb_error(code.value(), "create the folder", dir);
  MDB_env* env = nullptr;
  if (auto rc = mdb_env_create(&env); rc != MDB_SUCCESS)
    return lmdb_error(rc, "open the database", dir);
  // From here on the handle is closed, also if opening it fails.
  lmdb_env result{std::make_unique<impl>(dir, env)};
  auto check = [rc = MDB_SUCCESS](int x) mutable {
    return rc = rc == MDB_SUCCESS ? x : rc;
  };
  check(mdb_env_set_mapsize(env, round_up(options.map_size_bytes)));
  check(mdb_env_set_maxdbs(env, options.max_dbs));
  auto rc = check(mdb_env_set_maxreaders(env, options.max_readers));
  if (rc == MDB_SUCCESS)
    rc = mdb_env_open(env, dir.c_str(), options.flags | MDB_NOTLS, 0600);
  int dead = 0;
  if (rc == MDB_SUCCESS)
    rc = mdb_reader_check(env, &dead);
  MDB_envinfo info{};
  if (rc == MDB_SUCCESS)
    rc = mdb_env_info(env, &info);
  if (rc != MDB_SUCCESS)
    return lmdb_error(rc, "open the database", dir);
  result.impl_->map_size = info.me_mapsize;
  if (auto checked = result.check_format(options.format); !checked)
    return checked.as_failure();
  return result;
}

// -- modifiers ----------------------------------------------------------------

result<MDB_dbi> lmdb_env::open_table(const std::string& name, unsigned flags) {
  MDB_dbi dbi = 0;
  auto opened = write([&](lmdb_txn& txn) -> result<> {
    auto x = txn.open_table(name, flags);
    if (!x)
      return x.as_failure();
    dbi = x.value();
    return ok();
  });
  if (!opened)
    return opened.as_failure();
  return dbi;
}

result<> lmdb_env::write(const write_fun& fun) {
  for (;;) {
    auto seen = map_size_bytes();
    int rc = MDB_SUCCESS;
    auto written = write_once(fun, rc);
    impl_->last_code = rc;
    if (rc != MDB_MAP_FULL)
      return written;
    if (auto grown = impl_->grow(seen); !grown) {
      impl_->last_code = ENOSPC;
      return grown;
    }
  }
}

result<> lmdb_env::write_once(const write_fun& fun, int& rc) {
  auto guard = impl_->map_lock.shared();
  MDB_txn* raw = nullptr;
  rc = mdb_txn_begin(impl_->env, nullptr, 0, &raw);
  if (rc != MDB_SUCCESS)
    return lmdb_error(rc, "begin to write", impl_->dir);
  txn_ptr owner{raw};
  lmdb_txn txn{raw, &impl_->dir};
  auto done = fun(txn);
  // Looked at even if *fun* made light of it: nothing can be committed then.
  rc = txn.failure_;
  if (!done)
    return done;
  if (rc == MDB_SUCCESS)
    rc = clarify(mdb_txn_commit(owner.release()), impl_->dir); // Frees it.
  if (rc != MDB_SUCCESS)
    return lmdb_error(rc, "commit", impl_->dir);
  return ok();
}

result<> lmdb_env::copy_to(int fd) {
  // The map could not grow before the copy is done, and everybody would wait
  // for that.
  MDB_envinfo info{};
  MDB_stat stat{};
  mdb_env_info(impl_->env, &info);
  mdb_env_stat(impl_->env, &stat);
  auto used = (info.me_last_pgno + 1) * stat.ms_psize;
  if (auto seen = map_size_bytes(); used > seen / 2)
    if (auto grown = impl_->grow(seen); !grown)
      return grown;
  auto guard = impl_->map_lock.shared();
  auto rc = mdb_env_copyfd2(impl_->env, fd, MDB_CP_COMPACT);
  if (rc != MDB_SUCCESS)
    return lmdb_error(clarify(rc, impl_->dir), "copy the database", impl_->dir);
  return ok();
}

result<> lmdb_env::check_format(uint32_t known) {
  // Reading first: a folder of a newer program is to stay as it is.
  std::optional<uint32_t> found;
  auto have = read([&](const lmdb_txn& txn) -> result<> {
    MDB_dbi dbi = 0;
    auto rc = mdb_dbi_open(txn.native(), "meta", 0, &dbi);
    if (rc == MDB_NOTFOUND)
      return ok();
    if (rc != MDB_SUCCESS)
      return txn.fail(rc, "open the table 'meta'");
    auto value = txn.get(dbi, format_key);
    if (!value)
      return value.as_failure();
    if (value.value() && value.value()->size() == sizeof(uint32_t))
      found = read_big_endian<uint32_t>(*value.value(), 0);
    return ok();
  });
  if (!have)
    return have;
  if (found && *found > known)
    return error{ec::corrupt_store,
                 "'" + impl_->dir.string()
                   + "' was written by a newer Coppice: format "
                   + std::to_string(*found) + ", this one knows up to "
                   + std::to_string(known)};
  auto dbi = open_table("meta");
  if (!dbi)
    return dbi.as_failure();
  impl_->meta = dbi.value();
  if (found)
    return ok();
  std::string value;
  append_big_endian(value, known);
  return write(
    [&](lmdb_txn& txn) { return txn.put(impl_->meta, format_key, value); });
}

// -- properties ---------------------------------------------------------------

result<> lmdb_env::read(const read_fun& fun) const {
  auto guard = impl_->map_lock.shared();
  auto reader = impl_->take_reader();
  if (!reader)
    return reader.as_failure();
  lmdb_txn txn{reader.value().get(), &impl_->dir};
  auto done = fun(txn);
  impl_->give_back(std::move(reader.value()));
  return done;
}

MDB_dbi lmdb_env::meta() const noexcept {
  return impl_->meta;
}

size_t lmdb_env::map_size_bytes() const {
  auto guard = impl_->map_lock.shared();
  return impl_->map_size;
}

int lmdb_env::last_write_code() const noexcept {
  return impl_->last_code;
}

const fs::path& lmdb_env::dir() const noexcept {
  return impl_->dir;
}

} // namespace coppice

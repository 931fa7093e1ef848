// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "storage/fair_lock.hpp"
#include "storage/overlay.hpp"
#include "storage/tables.hpp"

#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

// For the bodies of `tables` only.

namespace coppice {

inline constexpr auto applied_key = std::string_view{"applied"};

struct tables::impl {
  // -- constructors, destructors, and assignment operators --------------------

  impl(lmdb_env x, const tables_options& xs)
    : options(xs),
      env(std::move(x)),
      active(std::make_unique<overlay>()) {
    // nop
  }

  ~impl() {
    {
      std::unique_lock guard{flush_lock};
      stopping = true;
    }
    wake.notify_all();
    if (flusher.joinable())
      flusher.join();
  }

  result<> load();

  // -- modifiers: the thread that applies -------------------------------------

  bool is_full() const {
    return active->keys() >= options.max_keys
           || active->bytes() >= options.max_bytes;
  }

  void freeze();

  result<> make_room();

  result<> await_flush(bool now);

  // -- modifiers: the thread that flushes -------------------------------------

  void flush_loop();

  bool flush_once();

  result<> write_frozen();

  // -- properties -------------------------------------------------------------

  table_view::layers layers(const lmdb_txn& txn, overlay* top) const {
    return {top, frozen.get(), &txn, &handles};
  }

  bool is_pending() {
    std::unique_lock guard{flush_lock};
    return pending;
  }

  // -- member variables -------------------------------------------------------

  const tables_options options;

  lmdb_env env;

  std::array<MDB_dbi, table_count> handles{};

  /// Guards the layers. Whoever holds it may begin a transaction, in this order
  /// and not in the other: see `tables::read_view`.
  mutable fair_lock lock;

  /// Changed under `lock`, by the thread that applies.
  std::unique_ptr<overlay> active;

  /// Set by the thread that applies, read and dropped by the one that flushes,
  /// both under `lock`; never changed in between.
  std::unique_ptr<overlay> frozen;

  /// The last entry in `frozen`, or in the one before it. Not changed while
  /// something is pending.
  log_base frozen_end;

  /// The last entry that was applied. Changed under `lock`.
  log_base end;

  /// Its index, for any thread.
  std::atomic<uint64_t> applied = 0;

  std::atomic<uint64_t> durable = 0;

  // Used by the thread that applies only.

  /// Set once something could not be read: the tables are half changed then.
  std::optional<error> broken;

  /// When `flush_due` first saw that something was not flushed.
  std::optional<time_point> dirty_since;

  // Guarded by `flush_lock`.

  mutable std::mutex flush_lock;

  std::condition_variable wake;

  std::condition_variable flushed;

  /// There is a frozen overlay that is not on disk.
  bool pending = false;

  /// Somebody waits for it: no pause before the next try.
  bool hurry = false;

  bool stopping = false;

  uint64_t failures = 0;

  std::optional<error> last_error;

  std::thread flusher;
};

} // namespace coppice

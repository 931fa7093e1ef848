// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/key_codec.hpp"
#include "storage/tables_impl.hpp"

namespace coppice {

// -- modifiers: the thread that applies ---------------------------------------

/// Hands the active overlay over to be flushed.
/// @pre Nothing is pending.
void tables::impl::freeze() {
  auto next = std::make_unique<overlay>();
  {
    auto guard = lock.alone();
    frozen = std::move(active);
    active = std::move(next);
    frozen_end = end;
  }
  dirty_since.reset();
  {
    std::unique_lock guard{flush_lock};
    pending = true;
  }
  if (options.background)
    wake.notify_all();
  else
    flush_once();
}

result<> tables::impl::make_room() {
  if (!is_full())
    return ok();
  if (auto done = await_flush(false); !done)
    return done;
  freeze();
  return ok();
}

/// Waits until nothing is pending, or until it has failed.
/// @param now Try again at once if it has failed before.
result<> tables::impl::await_flush(bool now) {
  if (!options.background && is_pending())
    flush_once();
  std::unique_lock guard{flush_lock};
  auto seen = failures;
  if (options.background && pending && now) {
    hurry = true;
    wake.notify_all();
  }
  if (options.background)
    flushed.wait(guard, [&] {
      return !pending || failures != seen || (last_error && !now);
    });
  if (pending)
    return *last_error;
  return ok();
}

// -- modifiers: the thread that flushes ---------------------------------------

void tables::impl::flush_loop() {
  std::unique_lock guard{flush_lock};
  for (;;) {
    wake.wait(guard, [this] { return pending || stopping; });
    if (stopping)
      return;
    hurry = false;
    guard.unlock();
    auto written = flush_once();
    guard.lock();
    // Not `pending`: the next overlay may have been handed over already.
    if (!written)
      wake.wait_for(guard, options.retry_pause,
                    [this] { return hurry || stopping; });
  }
}

/// Returns whether the disk took it.
bool tables::impl::flush_once() {
  auto written = write_frozen();
  auto done = written.has_value();
  std::unique_ptr<overlay> dropped;
  if (written) {
    auto guard = lock.alone();
    dropped = std::move(frozen);
    durable = frozen_end.position.index;
  }
  {
    std::unique_lock guard{flush_lock};
    if (written) {
      pending = false;
      last_error.reset();
    } else {
      ++failures;
      last_error = std::move(written).error();
    }
  }
  flushed.notify_all();
  return done; // The memory goes here, when nobody waits for a lock any more.
}

result<> tables::impl::write_frozen() {
  // No lock: until this thread drops it, nobody changes the frozen overlay or
  // its index. The map may grow and this run twice: it changes nothing but the
  // transaction.
  return env.write([this](lmdb_txn& txn) -> result<> {
    for (size_t i = 0; i < table_count; ++i) {
      auto& rows = frozen->rows(static_cast<table>(i));
      if (rows.empty())
        continue;
      auto cursor = txn.cursor(handles[i]);
      if (!cursor)
        return cursor.as_failure();
      for (auto& [key, x] : rows) {
        if (x.erased) {
          if (auto done = cursor.value().erase(key); !done)
            return done.as_failure();
        } else if (auto done = cursor.value().put(key, x.value); !done) {
          return done;
        }
      }
    }
    return txn.put(handles[to_index(table::meta)], applied_key,
                   encode(frozen_end));
  });
}

} // namespace coppice

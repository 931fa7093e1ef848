// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/tables.hpp"

#include "runtime/key_codec.hpp"
#include "storage/fair_lock.hpp"
#include "storage/overlay.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace coppice {

namespace {

constexpr auto applied_key = std::string_view{"applied"};

} // namespace

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

  void flush_once();

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

  /// Index of the last entry in `frozen`, or in the one before it.
  uint64_t frozen_index = 0;

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

// -- constructors, destructors, and assignment operators ----------------------

result<> tables::impl::load() {
  auto opened = env.write([this](lmdb_txn& txn) -> result<> {
    for (size_t i = 0; i < table_count; ++i) {
      auto handle = txn.open_table(to_string(static_cast<table>(i)));
      if (!handle)
        return handle.as_failure();
      handles[i] = handle.value();
    }
    return ok();
  });
  if (!opened)
    return opened;
  auto loaded = env.read([this](const lmdb_txn& txn) -> result<> {
    auto value = txn.get(handles[to_index(table::meta)], applied_key);
    if (!value)
      return value.as_failure();
    if (!value.value())
      return ok();
    if (value.value()->size() != sizeof(uint64_t))
      return error{ec::corrupt_store, "'" + env.dir().string()
                                        + "' has a damaged row 'applied' in "
                                          "the table 'meta'"};
    durable = read_big_endian<uint64_t>(*value.value(), 0);
    return ok();
  });
  if (!loaded)
    return loaded;
  applied = durable.load();
  frozen_index = durable;
  if (options.background)
    flusher = std::thread{[this] { flush_loop(); }};
  return ok();
}

result<std::unique_ptr<tables>> tables::open(const std::filesystem::path& dir,
                                             const tables_options& options) {
  auto environment = options.environment;
  // One for the environment's own, which is the same "meta" today.
  environment.max_dbs
    = std::max<unsigned>(environment.max_dbs, table_count + 1);
  auto env = lmdb_env::open(dir, environment);
  if (!env)
    return env.as_failure();
  auto state = std::make_unique<impl>(std::move(env).value(), options);
  if (auto loaded = state->load(); !loaded)
    return loaded.as_failure();
  return std::unique_ptr<tables>{new tables(std::move(state))};
}

tables::tables(std::unique_ptr<impl> x) : impl_(std::move(x)) {
  // nop
}

tables::~tables() = default;

// -- modifiers: the thread that applies ---------------------------------------

result<> tables::apply(const apply_fun& fun, uint64_t index) {
  auto& self = *impl_;
  if (self.broken)
    return *self.broken;
  if (index <= self.applied)
    return error{ec::invalid_argument,
                 "entry " + std::to_string(index)
                   + " has been applied already: the tables are at "
                   + std::to_string(self.applied)};
  if (auto room = self.make_room(); !room)
    return room;
  auto guard = self.lock.alone();
  auto done = self.env.read([&](const lmdb_txn& txn) -> result<> {
    table_view view{self.layers(txn, self.active.get())};
    fun(view);
    self.applied = index;
    if (auto& x = view.failure())
      self.broken = error{
        x->code, "cannot apply the log up to entry " + std::to_string(index)
                   + " to '" + self.env.dir().string() + "': " + x->message};
    return ok();
  });
  guard.unlock();
  if (!done)
    return done;
  if (self.broken)
    return *self.broken;
  // At once, not by the next call: there may be none for a while.
  if (self.is_full() && !self.is_pending())
    self.freeze();
  return ok();
}

void tables::flush_due(time_point now) {
  auto& self = *impl_;
  if (self.broken)
    return;
  if (self.frozen_index == self.applied) {
    self.dirty_since.reset();
    if (!self.options.background && self.is_pending())
      self.flush_once();
    return;
  }
  if (!self.dirty_since)
    self.dirty_since = now;
  if (now - *self.dirty_since < self.options.max_age)
    return;
  if (!self.options.background && self.is_pending())
    self.flush_once();
  if (!self.is_pending())
    self.freeze();
}

result<> tables::flush_now() {
  auto& self = *impl_;
  if (self.broken)
    return *self.broken;
  if (auto done = self.await_flush(true); !done)
    return done;
  if (self.frozen_index == self.applied)
    return ok();
  self.freeze();
  return self.await_flush(true);
}

/// Hands the active overlay over to be flushed.
/// @pre Nothing is pending.
void tables::impl::freeze() {
  auto next = std::make_unique<overlay>();
  {
    auto guard = lock.alone();
    frozen = std::move(active);
    active = std::move(next);
    frozen_index = applied;
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
    flush_once();
    guard.lock();
    if (pending)
      wake.wait_for(guard, options.retry_pause,
                    [this] { return hurry || stopping; });
  }
}

void tables::impl::flush_once() {
  auto written = write_frozen();
  std::unique_ptr<overlay> dropped;
  if (written) {
    auto guard = lock.alone();
    dropped = std::move(frozen);
    durable = frozen_index;
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
  // The memory goes here, when nobody waits for a lock any more.
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
    std::string index;
    append_big_endian(index, frozen_index);
    return txn.put(handles[to_index(table::meta)], applied_key, index);
  });
}

// -- properties ---------------------------------------------------------------

uint64_t tables::applied() const {
  return impl_->applied;
}

uint64_t tables::durable_index() const noexcept {
  return impl_->durable;
}

std::optional<error> tables::last_error() const {
  std::unique_lock guard{impl_->flush_lock};
  return impl_->last_error;
}

result<> tables::read_view(const read_fun& fun) const {
  // The lock first, the transaction second. Then the flush of the frozen
  // overlay has been committed in what the transaction sees, or it has not:
  // the overlay lies over it in both cases, and each row of it either repeats
  // or replaces what is below, with the same outcome. In the other order the
  // transaction could be older than a commit whose overlay has been dropped
  // since, and rows would be missing.
  auto guard = impl_->lock.shared();
  return impl_->env.read([&](const lmdb_txn& txn) -> result<> {
    table_view view{impl_->layers(txn, impl_->active.get())};
    fun(view, impl_->applied);
    if (auto& x = view.failure())
      return *x;
    return ok();
  });
}

} // namespace coppice

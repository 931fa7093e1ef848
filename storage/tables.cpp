// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/tables.hpp"

#include "runtime/key_codec.hpp"
#include "storage/tables_impl.hpp"

#include <algorithm>
#include <string>

namespace coppice {

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
    auto decoded = decode_log_base(*value.value());
    if (!decoded)
      return error{ec::corrupt_store, "'" + env.dir().string()
                                        + "' has a damaged row 'applied' in "
                                          "the table 'meta'"};
    end = std::move(*decoded);
    return ok();
  });
  if (!loaded)
    return loaded;
  applied = end.position.index;
  durable = end.position.index;
  frozen_end = end;
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

result<> tables::apply(const apply_fun& fun, const log_base& end) {
  auto& self = *impl_;
  auto index = end.position.index;
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
    self.end = end;
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
  if (self.frozen_end.position.index == self.applied) {
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
  if (self.frozen_end.position.index == self.applied)
    return ok();
  self.freeze();
  return self.await_flush(true);
}

result<> tables::copy_to(int fd) {
  return impl_->env.copy_to(fd);
}

// -- properties ---------------------------------------------------------------

const log_base& tables::position() const {
  return impl_->end;
}

uint64_t tables::applied() const {
  return impl_->applied;
}

uint64_t tables::durable_index() const noexcept {
  return impl_->durable;
}

result<uint64_t> tables::rows_on_disk(table where) const {
  uint64_t rows = 0;
  auto read = impl_->env.read([&](const lmdb_txn& txn) -> result<> {
    auto counted = txn.size(impl_->handles[to_index(where)]);
    if (!counted)
      return counted.as_failure();
    rows = counted.value();
    return ok();
  });
  if (!read)
    return read.as_failure();
  return rows;
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

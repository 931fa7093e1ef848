// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/error.hpp"
#include "storage/consensus/log_entry.hpp"
#include "storage/lmdb_env.hpp"
#include "storage/table_view.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace coppice {

/// The layout of tables that this version writes, and the newest one that it
/// reads.
inline constexpr uint32_t tables_format = 1;

/// How tables are kept.
struct tables_options {
  lmdb_options environment{.format = tables_format};

  /// Changes are flushed when they have reached this many keys, ...
  size_t max_keys = 8'192;

  /// ... or this many bytes, ...
  size_t max_bytes = size_t{4} << 20;

  /// ... or this age.
  std::chrono::milliseconds max_age{100};

  /// Pause before a flush that failed is tried again.
  std::chrono::milliseconds retry_pause{1'000};

  /// Flush in a thread of its own. Otherwise the callers of `apply`,
  /// `flush_due` and `flush_now` do it, for the simulator and tests.
  bool background = true;
};

/// The tables of one shard, behind its log.
///
/// A change lives in the *active* overlay first. When that one is full or old,
/// it is *frozen* and written to LMDB as a whole, with the last entry in it,
/// in one transaction; changes go on in a new active overlay. So
/// LMDB always holds the state after exactly one entry, and a replay from there
/// repeats what was lost. What is in memory only is in the log.
///
/// One thread changes the tables (`apply`, `flush_due`, `flush_now`); any
/// thread reads. Owned by who owns the shard.
class tables {
public:
  // -- member types -----------------------------------------------------------

  using time_point = std::chrono::steady_clock::time_point;

  using apply_fun = std::function<void(table_view&)>;

  using read_fun = std::function<void(const table_view&, uint64_t)>;

  // -- constructors, destructors, and assignment operators --------------------

  /// Opens the tables in *dir*, and creates them if needed.
  /// @returns `corrupt_store` if they were written by a newer program,
  ///          `storage_failure` if the disk refuses.
  static result<std::unique_ptr<tables>>
  open(const std::filesystem::path& dir, const tables_options& options = {});

  tables(const tables&) = delete;

  tables& operator=(const tables&) = delete;

  /// Ends the flush thread. What is not flushed stays in the log: call
  /// `flush_now` before for a quick start next time.
  ~tables();

  // -- modifiers --------------------------------------------------------------

  /// Lets *fun* change the tables; they are then at *end*, the last entry that
  /// is in them, with the members of the group there. May cover many entries of
  /// the log, and should: readers wait meanwhile.
  ///
  /// Waits for the flush thread if the active overlay is full and the one
  /// before it is still being flushed.
  /// @pre `end.position.index > applied()`
  /// @returns `storage_failure` if it is full and cannot be flushed: *fun* was
  ///          not called, try again. `corrupt_store`, or whatever else reading
  ///          failed with: *fun* was called, the tables may be half changed and
  ///          take nothing more; open them again.
  result<> apply(const apply_fun& fun, const log_base& end);

  /// Starts to flush what is older than `max_age` at *now*. Call it several
  /// times in that span, also when nothing is applied.
  void flush_due(time_point now);

  /// Flushes everything and waits for it.
  /// @returns `storage_failure` if the disk refuses; the changes are kept, and
  ///          tried again later.
  result<> flush_now();

  /// Writes what is on disk to the file *fd*: the file `data.mdb` of a folder
  /// that `open` opens. From any thread; takes as long as the disk needs.
  /// @returns `storage_failure` if a disk refuses.
  result<> copy_to(int fd);

  // -- properties -------------------------------------------------------------

  /// Returns the last entry that was applied, and the members of the group
  /// there. For the thread that applies.
  const log_base& position() const;

  /// Returns the index of the last entry that was applied.
  uint64_t applied() const;

  /// Returns the index up to which the tables are on disk: the log may be
  /// trimmed up to it, and replay starts behind it.
  uint64_t durable_index() const noexcept;

  /// Returns how many rows a table has on disk; from any thread.
  /// @returns `storage_failure` if it cannot be read.
  result<uint64_t> rows_on_disk(table where) const;

  /// Returns why the last flush failed, or nothing if it succeeded.
  std::optional<error> last_error() const;

  /// Calls *fun* with a view and the index it shows; from any thread. Returns
  /// what *fun* returns, or the error that reading met. Must be short: `apply`
  /// waits meanwhile. Must not call other members.
  template <class F>
  auto read(F fun) const {
    using value = std::invoke_result_t<F&, const table_view&, uint64_t>;
    if constexpr (std::is_void_v<value>) {
      return read_view(std::ref(fun));
    } else {
      std::optional<value> got;
      auto done = read_view([&](const table_view& view, uint64_t index) {
        got.emplace(fun(view, index));
      });
      if (!done)
        return result<value>{std::move(done).as_failure()};
      return result<value>{std::move(*got)};
    }
  }

private:
  // -- member types -----------------------------------------------------------

  struct impl;

  // -- constructors, destructors, and assignment operators --------------------

  explicit tables(std::unique_ptr<impl> x);

  // -- properties -------------------------------------------------------------

  result<> read_view(const read_fun& fun) const;

  // -- member variables -------------------------------------------------------

  std::unique_ptr<impl> impl_;
};

} // namespace coppice

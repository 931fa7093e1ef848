// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/backup/restore_group.hpp"

#include "runtime/files.hpp"
#include "storage/consensus/configuration.hpp"
#include "storage/tables_transfer.hpp"

#include <string>
#include <utility>

namespace coppice {

namespace {

/// So many tasks are changed in one go: they are in memory meanwhile.
constexpr size_t step_tasks = 20'000;

/// Changes the tables as entries of a log would: each step is one, in a term
/// of its own, behind the last one of the backup.
class rebirth {
public:
  rebirth(tables& db, const restore_options& options)
    : db_(db),
      work_(options.terms),
      end_(db.position()) {
    ++end_.position.term;
  }

  result<> run(uint64_t member) {
    auto conf = encode_members({{member, true}});
    if (!conf)
      return conf.as_failure();
    end_.configuration = {end_.position.index + 1, std::move(conf.value())};
    auto begun = step([this](table_view& view) { work_.begin(view); });
    if (!begun)
      return begun;
    auto more = true;
    while (more) {
      auto done
        = step([&](table_view& view) { more = work_.go_on(view, step_tasks); });
      if (!done)
        return done;
    }
    return ok();
  }

  const state_machine::restore_counts& counts() const {
    return work_.counts();
  }

private:
  result<> step(const tables::apply_fun& fun) {
    ++end_.position.index;
    if (auto done = db_.apply(fun, end_); !done)
      return done;
    return db_.flush_now();
  }

  tables& db_;

  state_machine::restoration work_;

  log_base end_;
};

} // namespace

result<state_machine::restore_counts>
restore_group(const backup_file& from, size_t group,
              const std::filesystem::path& folder,
              const restore_options& options) {
  auto dir = folder / tables_folder_name;
  std::error_code err;
  std::filesystem::create_directories(dir, err);
  if (err)
    return error{ec::storage_failure,
                 "'" + dir.string() + "' cannot be made: " + err.message()};
  if (auto done = from.extract(group, dir / tables_file_name); !done)
    return done.as_failure();
  auto db = tables::open(dir, options.tables);
  if (!db)
    return db.as_failure();
  if (db.value()->applied() == 0)
    return error{ec::corrupt_store,
                 "the tables of group " + from.groups()[group].name()
                   + " in the backup are those of no cluster"};
  rebirth work{*db.value(), options};
  if (auto done = work.run(options.member); !done)
    return done.as_failure();
  if (auto done = sync_folder(dir); !done)
    return done.as_failure();
  if (auto done = sync_folder(folder); !done)
    return done.as_failure();
  return work.counts();
}

} // namespace coppice

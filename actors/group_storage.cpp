// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/group_storage.hpp"

#include "storage/lmdb_log_store.hpp"

#include <system_error>
#include <utility>

namespace coppice {

bool group_storage::blank() const {
  return log->last_index() == 0 && store->applied() == 0;
}

result<group_storage> open_group(const std::filesystem::path& folder,
                                 size_t map_size_bytes) {
  std::error_code err;
  std::filesystem::create_directories(folder, err);
  if (err)
    return error{ec::system_failure,
                 "cannot make " + folder.string() + ": " + err.message()};
  group_storage x;
  x.folder = folder;
  x.map_size_bytes = map_size_bytes;
  auto opened = reopen_tables(x);
  if (!opened)
    return opened.as_failure();
  x.store = std::move(opened.value());
  auto log = lmdb_log_store::open(folder / "log", map_size_bytes);
  if (!log)
    return log.as_failure();
  x.log = std::move(log.value());
  return x;
}

result<std::shared_ptr<tables>> reopen_tables(const group_storage& x) {
  tables_options options;
  options.environment.map_size_bytes = x.map_size_bytes;
  auto opened = open_tables(x.folder, options);
  if (!opened)
    return opened.as_failure();
  return std::shared_ptr<tables>{std::move(opened.value())};
}

} // namespace coppice

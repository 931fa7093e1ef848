// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "storage/log_store.hpp"
#include "storage/tables_transfer.hpp"

#include <cstddef>
#include <filesystem>
#include <memory>

namespace coppice {

/// What a manager keeps of one group: a log and the tables behind it.
struct group_storage {
  std::filesystem::path folder;
  size_t map_size_bytes = 0;
  std::shared_ptr<tables> store;
  std::shared_ptr<log_store> log;

  /// Returns whether nothing was ever written.
  bool blank() const;
};

/// Opens the storage in *folder*, which is made if need be.
/// @param map_size_bytes How large the LMDB maps are at first.
/// @returns `corrupt_store` if it cannot be used, `system_failure` or
///          `storage_failure` if it cannot be opened now.
result<group_storage> open_group(const std::filesystem::path& folder,
                                 size_t map_size_bytes);

/// Opens only the tables, after others have come in their place.
/// @pre Nobody has the former ones open.
result<std::shared_ptr<tables>> reopen_tables(const group_storage& x);

} // namespace coppice

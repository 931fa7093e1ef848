// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "storage/backup/backup_file.hpp"
#include "storage/state_machine/restore.hpp"
#include "storage/tables.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>

namespace coppice {

/// How a group begins anew.
struct restore_options {
  /// The only member that it has then; not 0.
  uint64_t member = 0;
  state_machine::restore_terms terms;
  tables_options tables;
};

/// Makes the folder of a group: its tables as they are in *from*, for a cluster
/// that begins anew with one member, and no log. Durable once it returns, but
/// for the name of the folder.
/// @param group Its place in `from.groups()`.
/// @param folder Is made; must not be there.
/// @returns `storage_failure` if the disk refuses, `corrupt_store` if the
///          tables cannot be read; then what was made is of no use.
result<state_machine::restore_counts>
restore_group(const backup_file& from, size_t group,
              const std::filesystem::path& folder,
              const restore_options& options);

} // namespace coppice

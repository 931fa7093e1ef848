// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>

namespace coppice::trial {

/// What the tasks did in the world, as they wrote down themselves.
struct journal {
  /// Attempts of a task that began, and that reached their end.
  std::map<std::string, std::set<uint32_t>> begun;
  std::map<std::string, std::set<uint32_t>> ended;
};

journal read_journal(const std::filesystem::path& file);

} // namespace coppice::trial

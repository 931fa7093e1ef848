// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "tests/process/support/real_node.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace coppice::test {

/// A folder for nodes, and one backup.
struct backup_fixture {
  temp_folder folder;
  std::filesystem::path file = folder.path() / "backup";

  command_result back_up(const std::string& address,
                         std::vector<std::string> more = {}) {
    std::vector<std::string> args{"backup", "--connect", address,
                                  file.string()};
    args.insert(args.end(), more.begin(), more.end());
    return run_coppice(args);
  }

  command_result restore(const std::filesystem::path& config,
                         std::vector<std::string> more = {}) {
    std::vector<std::string> args{"restore", file.string(), "--config",
                                  config.string()};
    args.insert(args.end(), more.begin(), more.end());
    return run_coppice(args);
  }

  std::filesystem::path config_of(const real_node& node) const {
    return folder.path() / (node.name() + ".conf");
  }
};

} // namespace coppice::test

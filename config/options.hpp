// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/node_config.hpp"
#include "config/settings.hpp"
#include "runtime/error.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace coppice {

/// What is known of an option, for help and tests.
struct option_info {
  std::string key;
  /// One sentence with unit, range and default.
  std::string text;
  /// The default as it would be written; empty: the option has none.
  std::string fallback;
};

/// Returns every option of a node in the order in which help shows them.
std::vector<option_info> option_list();

/// Returns the help text of all options.
std::string option_help();

/// The command line of `coppice node`, taken apart.
struct node_arguments {
  bool help = false;
  /// Empty: none was given.
  std::filesystem::path config_file;
  std::vector<setting> overrides;
};

/// Parses what follows `coppice node`: `--config FILE`, `--help` and any
/// option as `--node.id=n2`. Values are not looked at yet.
/// @returns `invalid_argument` with the option for one that is unknown, has no
///          value, or is given twice.
result<node_arguments> parse_node_arguments(const std::vector<std::string>& xs);

/// Reads a config file and lays *overrides* over it.
/// @param file The config file; empty: only *overrides* count.
/// @param overrides From the command line; each wins over the file.
/// @returns `invalid_argument` with one line that names file, line and key if
///          anything in there is not understood, or out of range, or
///          contradicts something else; `system_failure` if the file cannot be
///          read.
result<node_config> load(const std::filesystem::path& file,
                         const std::vector<setting>& overrides);

/// Checks what a single option cannot: what is missing, and what contradicts
/// something else. `load` has done it.
result<> validate(const node_config& x);

} // namespace coppice

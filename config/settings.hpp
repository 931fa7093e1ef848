// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/error.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace coppice {

/// A key and its value as somebody wrote them, and where.
struct setting {
  /// With its section: `node.id`.
  std::string key;
  std::string value;
  /// For messages: `config/single.conf:12: node.id` or `--node.id`.
  std::string origin;
};

/// Takes the text of a config file apart.
///
/// Lines are `[section]`, `key = value`, empty, or comments. `#` begins a
/// comment at the beginning of a line or after a blank. A key is prefixed with
/// the section it stands in; before the first section it is written in full.
/// @param text The whole file.
/// @param name What the file is called in messages.
/// @returns `invalid_argument` with file and line for a line that is nothing
///          of that, and for a key that stands there twice.
result<std::vector<setting>> parse_settings(std::string_view text,
                                            const std::string& name);

} // namespace coppice

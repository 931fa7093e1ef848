// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/node_config.hpp"
#include "runtime/error.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace coppice {

/// One option of a node: the only place where it is declared.
struct option {
  // -- properties -------------------------------------------------------------

  /// Returns the sentence of the help text, with range and default.
  std::string text() const;

  /// Returns the default as it would be written; empty: there is none.
  std::string fallback() const;

  // -- member variables -------------------------------------------------------

  const char* key;
  /// Stands for the value in the help text: `DURATION`.
  const char* value_name;
  /// What it means: one sentence.
  const char* brief;
  /// What is allowed, e.g. "1 to 4096"; empty where the brief says it.
  std::string allowed;
  /// Whether `--key` alone means `--key=yes`.
  bool is_switch = false;

  /// Parses *value* and sets the field.
  std::function<result<>(node_config&, std::string_view value)> assign;
  /// Renders the field as `assign` reads it.
  std::function<std::string(const node_config&)> show;
};

/// Returns all options, section by section.
const std::vector<option>& option_table();

/// Returns the option *key*, or nothing.
const option* find_option(std::string_view key);

/// Returns the option that *key* is most likely a misspelling of, or nothing.
std::string nearest_key(std::string_view key);

} // namespace coppice

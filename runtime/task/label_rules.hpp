// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/error.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coppice {

/// What a task asks of the labels of a node: `key=value` or `key!=value`.
struct label_rule {
  std::string key;
  std::string value;
  /// The node must have the label; otherwise it must not.
  bool wanted = true;

  bool operator==(const label_rule&) const = default;
};

/// Renders *x* as it was written.
/// @relates label_rule
std::string to_string(const label_rule& x);

/// Reads a rule: a key of 1 to 64 bytes, `=` or `!=`, and a value of 1 to 128
/// bytes, both of [A-Za-z0-9._/-].
/// @returns `ec::invalid_argument` if *text* is anything else.
/// @relates label_rule
result<label_rule> parse_label_rule(std::string_view text);

/// Checks the label of a node: `key=value`, with the same alphabet.
/// @returns `ec::invalid_argument` if *text* is anything else.
result<> check_node_label(std::string_view text);

/// Returns whether a node with *node_labels* meets all *rules*. A key may occur
/// more than once on a node: then any of its values counts.
bool labels_match(std::span<const label_rule> rules,
                  const std::vector<std::string>& node_labels);

/// Returns the first rule that a node with *node_labels* does not meet, as a
/// phrase for people ("gpu=yes: the node has gpu=no"), or nothing if it meets
/// all.
std::optional<std::string>
explain_mismatch(std::span<const label_rule> rules,
                 const std::vector<std::string>& node_labels);

} // namespace coppice

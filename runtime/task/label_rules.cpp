// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/label_rules.hpp"

#include <algorithm>

namespace coppice {

namespace {

constexpr size_t max_key = 64;
constexpr size_t max_value = 128;

bool is_label_text(std::string_view x, size_t max_size) {
  auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'
           || c == '/';
  };
  return !x.empty() && x.size() <= max_size
         && std::all_of(x.begin(), x.end(), allowed);
}

/// Returns whether *label* is *key* with any value, and if so which.
std::optional<std::string_view> value_of(std::string_view label,
                                         std::string_view key) {
  if (label.size() <= key.size() || !label.starts_with(key)
      || label[key.size()] != '=')
    return std::nullopt;
  return label.substr(key.size() + 1);
}

bool has_label(const label_rule& rule,
               const std::vector<std::string>& node_labels) {
  auto same = [&](const std::string& label) {
    return value_of(label, rule.key) == rule.value;
  };
  return std::any_of(node_labels.begin(), node_labels.end(), same);
}

bool meets(const label_rule& rule,
           const std::vector<std::string>& node_labels) {
  return has_label(rule, node_labels) == rule.wanted;
}

} // namespace

std::string to_string(const label_rule& x) {
  return x.key + (x.wanted ? "=" : "!=") + x.value;
}

result<label_rule> parse_label_rule(std::string_view text) {
  auto at = text.find('=');
  if (at != std::string_view::npos) {
    auto wanted = at == 0 || text[at - 1] != '!';
    auto key = text.substr(0, wanted ? at : at - 1);
    auto value = text.substr(at + 1);
    if (is_label_text(key, max_key) && is_label_text(value, max_value))
      return label_rule{std::string{key}, std::string{value}, wanted};
  }
  return error{ec::invalid_argument,
               "a label rule is KEY=VALUE or KEY!=VALUE with a key of 1 to 64 "
               "and a value of 1 to 128 letters, digits and any of ._/-"};
}

result<> check_node_label(std::string_view text) {
  auto at = text.find('=');
  if (at != std::string_view::npos && is_label_text(text.substr(0, at), max_key)
      && is_label_text(text.substr(at + 1), max_value))
    return ok();
  return error{ec::invalid_argument,
               "a label is KEY=VALUE with a key of 1 to 64 and a value of 1 to "
               "128 letters, digits and any of ._/-"};
}

bool labels_match(std::span<const label_rule> rules,
                  const std::vector<std::string>& node_labels) {
  return std::all_of(rules.begin(), rules.end(), [&](const label_rule& rule) {
    return meets(rule, node_labels);
  });
}

std::optional<std::string>
explain_mismatch(std::span<const label_rule> rules,
                 const std::vector<std::string>& node_labels) {
  for (auto& rule : rules) {
    if (meets(rule, node_labels))
      continue;
    std::string has;
    for (auto& label : node_labels)
      if (value_of(label, rule.key))
        has += (has.empty() ? "" : ", ") + label;
    return to_string(rule) + ": the node has "
           + (has.empty() ? "no label '" + rule.key + "'" : has);
  }
  return std::nullopt;
}

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/health/node_table.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace coppice::test {

/// The rows of nodes in the tables of the cluster group: only the leader of the
/// term changes them, and all that was ever there is remembered for the judge.
class durable_rows {
public:
  uint64_t term() const {
    return term_;
  }

  list_version version() const {
    return version_;
  }

  /// Another leader is elected.
  uint64_t elect() {
    return ++term_;
  }

  const node_entry* find(const std::string& node) const {
    return row_of(node, version_);
  }

  /// Writes *row* with the next version, if *term* is still that of the leader.
  std::optional<node_entry> commit(uint64_t term, node_entry row) {
    if (term != term_)
      return std::nullopt;
    ++version_.counter;
    row.changed = version_;
    if (row.state == node_state::forgotten)
      forgotten_ = version_;
    history_[row.start.node][version_] = row;
    return row;
  }

  /// The cluster is restored from a backup: the last changes are lost.
  void restore(uint64_t lost) {
    auto kept = version_.counter - std::min(version_.counter, lost);
    list_version last{version_.epoch, kept};
    for (auto& [node, rows] : history_)
      rows.erase(rows.upper_bound(last), rows.end());
    version_ = {version_.epoch + 1, kept};
    forgotten_ = version_;
    ++term_;
  }

  node_table table(const std::string& cluster) const {
    std::vector<node_entry> rows;
    for (auto& [node, all] : history_)
      if (auto* row = row_of(node, version_))
        rows.push_back(*row);
    return {cluster, std::move(rows), version_, forgotten_};
  }

  /// Returns what the list said of *node* at *version*, or null.
  const node_entry* row_of(const std::string& node,
                           list_version version) const {
    auto i = history_.find(node);
    if (i == history_.end())
      return nullptr;
    auto row = i->second.upper_bound(version);
    if (row == i->second.begin())
      return nullptr;
    --row;
    return row->second.state == node_state::forgotten ? nullptr : &row->second;
  }

  /// Returns whether the list ever said *x*.
  bool was_there(const node_entry& x) const {
    auto i = history_.find(x.start.node);
    if (i == history_.end())
      return false;
    auto row = i->second.find(x.changed);
    return row != i->second.end() && row->second == x;
  }

  /// Returns whether *node* was forgotten at *version* or later.
  bool was_forgotten(const std::string& node, list_version version) const {
    auto i = history_.find(node);
    if (i == history_.end())
      return false;
    auto row = i->second.lower_bound(version);
    return std::any_of(row, i->second.end(), [](auto& x) {
      return x.second.state == node_state::forgotten;
    });
  }

  std::vector<std::string> nodes() const {
    std::vector<std::string> result;
    for (auto& [node, rows] : history_)
      result.push_back(node);
    return result;
  }

private:
  uint64_t term_ = 1;
  list_version version_{1, 0};
  list_version forgotten_;
  std::map<std::string, std::map<list_version, node_entry>> history_;
};

} // namespace coppice::test

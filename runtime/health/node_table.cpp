// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/node_table.hpp"

#include <utility>

namespace coppice {

node_table::node_table(std::string cluster, const std::vector<node_entry>& rows,
                       list_version version, list_version forgotten)
  : cluster_(std::move(cluster)),
    version_(version),
    forgotten_(forgotten) {
  for (auto& row : rows) {
    auto [i, is_new] = rows_.try_emplace(row.changed, row);
    if (is_new)
      nodes_.emplace(row.start.node, i);
  }
}

// -- modifiers ----------------------------------------------------------------

bool node_table::put(const node_entry& row) {
  if (row.changed <= version_)
    return false;
  version_ = row.changed;
  erase(row.start.node);
  auto at = rows_.emplace_hint(rows_.end(), row.changed, row);
  nodes_.emplace(row.start.node, at);
  if (row.state == node_state::forgotten)
    bury(row.changed);
  return true;
}

void node_table::erase(const std::string& node) {
  auto i = nodes_.find(node);
  if (i == nodes_.end())
    return;
  rows_.erase(i->second);
  nodes_.erase(i);
}

void node_table::bury(list_version version) {
  tombstones_.push_back(version);
  if (tombstones_.size() <= max_tombstones)
    return;
  forgotten_ = tombstones_.front();
  tombstones_.pop_front();
  if (auto i = rows_.find(forgotten_); i != rows_.end()) {
    nodes_.erase(i->second.start.node);
    rows_.erase(i);
  }
}

// -- properties ---------------------------------------------------------------

node_changes node_table::since(list_version version) const {
  node_changes result;
  result.cluster = cluster_;
  result.version = version_;
  // Whoever knows a higher version has it from a later leader: the whole list
  // does no harm there, for it is too old.
  result.whole = version.epoch != version_.epoch || version < forgotten_
                 || version > version_;
  if (!result.whole)
    result.since = version;
  auto i = result.whole ? rows_.begin() : rows_.upper_bound(version);
  for (; i != rows_.end(); ++i)
    if (!result.whole || i->second.state != node_state::forgotten)
      result.entries.push_back(i->second);
  return result;
}

const node_entry* node_table::find(const std::string& node) const {
  auto i = nodes_.find(node);
  if (i == nodes_.end() || i->second->second.state == node_state::forgotten)
    return nullptr;
  return &i->second->second;
}

std::vector<node_entry> node_table::rows() const {
  std::vector<node_entry> result;
  result.reserve(rows_.size());
  for (auto& [version, row] : rows_)
    if (row.state != node_state::forgotten)
      result.push_back(row);
  return result;
}

} // namespace coppice

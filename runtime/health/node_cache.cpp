// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/node_cache.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

namespace coppice {

node_cache::node_cache(std::string cluster, cache_limits limits)
  : cluster_(std::move(cluster)),
    limits_(limits) {
  // nop
}

// -- modifiers ----------------------------------------------------------------

void node_cache::load(const std::vector<node_entry>& rows, list_version version,
                      std::chrono::milliseconds age, time_point now) {
  for (auto& row : rows) {
    nodes_[row.start.node] = row;
    seen_ = std::max(seen_, row.changed);
  }
  complete_ = version;
  seen_ = std::max(seen_, version);
  confirmed_ = now - age;
}

std::vector<node_entry> node_cache::apply(const node_changes& x) {
  std::vector<node_entry> news;
  if (x.cluster != cluster_ || x.version <= complete_ || !is_sound(x))
    return news;
  for (auto& entry : x.entries)
    if (is_news(entry, x))
      put(entry, news);
  seen_ = std::max(seen_, x.version);
  if (x.whole)
    forget_others(x, news);
  if (x.whole || (x.since.epoch == complete_.epoch && x.since <= complete_))
    complete(x.version);
  return news;
}

void node_cache::confirmed(list_version version, time_point asked) {
  seen_ = std::max(seen_, version);
  if (version != complete_)
    return;
  wants_answer_ = false;
  confirmed_ = std::max(confirmed_.value_or(asked), asked);
}

void node_cache::centre_found() {
  wants_answer_ = true;
  asked_.reset();
}

bool node_cache::query_due(time_point now) {
  auto pause = has_gap() || wants_answer_ ? limits_.retry : limits_.period;
  if (asked_ && now - *asked_ < pause)
    return false;
  asked_ = now;
  return true;
}

// -- properties ---------------------------------------------------------------

std::optional<std::chrono::milliseconds> node_cache::age(time_point now) const {
  if (!confirmed_)
    return std::nullopt;
  return std::chrono::duration_cast<std::chrono::milliseconds>(now
                                                               - *confirmed_);
}

const node_entry* node_cache::find(const std::string& node) const {
  auto i = nodes_.find(node);
  return i == nodes_.end() ? nullptr : &i->second;
}

std::vector<node_entry> node_cache::healthy() const {
  std::vector<node_entry> result;
  for (auto& [name, x] : nodes_)
    if (x.state == node_state::healthy)
      result.push_back(x);
  return result;
}

std::vector<node_entry> node_cache::rows() const {
  std::vector<node_entry> result;
  result.reserve(nodes_.size());
  for (auto& [name, x] : nodes_)
    result.push_back(x);
  return result;
}

// -- merging ------------------------------------------------------------------

list_version node_cache::changed(const std::string& node) const {
  if (auto i = nodes_.find(node); i != nodes_.end())
    return i->second.changed;
  auto i = forgotten_.find(node);
  return i == forgotten_.end() ? list_version{} : i->second;
}

bool node_cache::is_news(const node_entry& x, const node_changes& from) const {
  auto known = changed(x.start.node);
  if (!from.whole)
    return x.changed > known;
  // A whole list settles all up to its version, also what another epoch said.
  auto* entry = find(x.start.node);
  return known <= from.version && (!entry || *entry != x);
}

void node_cache::put(const node_entry& x, std::vector<node_entry>& news) {
  auto& node = x.start.node;
  if (x.state != node_state::forgotten) {
    nodes_[node] = x;
    forgotten_.erase(node);
    news.push_back(x);
    return;
  }
  forgotten_[node] = x.changed;
  if (nodes_.erase(node) > 0)
    news.push_back(x);
}

void node_cache::forget_others(const node_changes& x,
                               std::vector<node_entry>& news) {
  std::set<std::string_view> listed;
  for (auto& entry : x.entries)
    listed.insert(entry.start.node);
  for (auto i = nodes_.begin(); i != nodes_.end();) {
    auto& entry = i->second;
    if (entry.changed > x.version || listed.count(i->first) > 0) {
      ++i;
      continue;
    }
    news.push_back({entry.start, node_state::forgotten, down_cause::none,
                    std::string{}, x.version});
    i = nodes_.erase(i);
  }
}

void node_cache::complete(list_version version) {
  complete_ = version;
  std::erase_if(forgotten_, [&](auto& x) { return x.second <= version; });
}

} // namespace coppice

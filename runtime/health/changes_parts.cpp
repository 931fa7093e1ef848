// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/changes_parts.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace coppice {

namespace {

/// What an entry takes beside its name and card.
constexpr size_t entry_overhead = 48;

size_t size_of(const node_entry& x) {
  return x.start.node.size() + x.card.size() + entry_overhead;
}

node_changes head_of(const node_changes& x) {
  return {x.cluster, x.whole, x.since, x.version, {}};
}

bool have_same_head(const node_changes& x, const node_changes& y) {
  return x.cluster == y.cluster && x.whole == y.whole && x.since == y.since
         && x.version == y.version;
}

} // namespace

std::vector<changes_part> cut(const node_changes& x, size_t bytes) {
  std::vector<changes_part> result{{0, 1, head_of(x)}};
  size_t filled = 0;
  for (auto& entry : x.entries) {
    auto size = size_of(entry);
    if (filled > 0 && filled + size > bytes) {
      result.push_back({static_cast<uint32_t>(result.size()), 1, head_of(x)});
      filled = 0;
    }
    result.back().changes.entries.push_back(entry);
    filled += size;
  }
  for (auto& part : result)
    part.count = static_cast<uint32_t>(result.size());
  return result;
}

std::optional<node_changes> changes_collector::add(changes_part x) {
  if (x.count == 0 || x.count > max_parts || x.index >= x.count)
    return std::nullopt;
  if (x.count == 1)
    return std::move(x.changes);
  if (!belongs(x)) {
    parts_.assign(x.count, std::nullopt);
    missing_ = x.count;
  }
  auto& place = parts_[x.index];
  missing_ -= place ? 0 : 1;
  place = std::move(x.changes);
  if (missing_ > 0)
    return std::nullopt;
  auto parts = std::exchange(parts_, {});
  auto result = head_of(*parts.front());
  for (auto& part : parts)
    std::move(part->entries.begin(), part->entries.end(),
              std::back_inserter(result.entries));
  return result;
}

bool changes_collector::belongs(const changes_part& x) const {
  if (parts_.size() != x.count)
    return false;
  auto known = std::find_if(parts_.begin(), parts_.end(),
                            [](auto& part) { return part.has_value(); });
  return known != parts_.end() && have_same_head(**known, x.changes);
}

} // namespace coppice

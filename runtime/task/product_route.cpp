// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/product_route.hpp"

#include "runtime/stable_hash.hpp"

#include <algorithm>

namespace coppice {

std::vector<shard_visit> submit_route(const proto::ProductRow& x) {
  std::vector<shard_visit> result;
  std::set<uint32_t> seen;
  // Backwards, so that each shard is met first by its newest binding.
  for (auto i = x.shards_size(); i-- > 0;)
    if (seen.insert(x.shards(i)).second)
      result.push_back({x.shards(i), static_cast<uint32_t>(i) + 1});
  std::reverse(result.begin(), result.end());
  return result;
}

std::optional<shard_visit> submit_trip::next() const {
  for (auto& x : submit_route(product_))
    if (!asked_.contains(x))
      return x;
  return std::nullopt;
}

std::optional<uint32_t> shard_of(const proto::ProductRow& x, uint32_t epoch) {
  if (epoch == 0 || epoch > static_cast<uint32_t>(x.shards_size()))
    return std::nullopt;
  return x.shards(static_cast<int>(epoch - 1));
}

std::vector<uint32_t> shards_of(const proto::ProductRow& x) {
  std::set<uint32_t> result{x.shards().begin(), x.shards().end()};
  return {result.begin(), result.end()};
}

uint32_t first_shard(std::string_view product, uint32_t shards) {
  return static_cast<uint32_t>(stable_hash(product) % shards);
}

} // namespace coppice

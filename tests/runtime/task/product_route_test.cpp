// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/product_route.hpp"

#include <caf/test/unit_test.hpp>

#include <set>
#include <string>

using namespace coppice;

namespace {

proto::ProductRow bound_to(std::initializer_list<uint32_t> shards) {
  proto::ProductRow x;
  for (auto shard : shards)
    x.add_shards(shard);
  return x;
}

using route = std::vector<shard_visit>;

} // namespace

CAF_TEST(a submit asks older shards first and each once) {
  CAF_CHECK(submit_route(bound_to({4})) == route({{4, 1}}));
  CAF_CHECK(submit_route(bound_to({4, 2})) == route({{4, 1}, {2, 2}}));
  CAF_CHECK(submit_route(bound_to({0, 1, 0})) == route({{1, 2}, {0, 3}}));
  CAF_CHECK(submit_route(bound_to({0, 1, 2, 1}))
            == route({{0, 1}, {2, 3}, {1, 4}}));
  CAF_CHECK(submit_route({}).empty());
}

CAF_TEST(an id names its shard by its epoch) {
  auto x = bound_to({4, 2});
  CAF_CHECK(shard_of(x, 1) == 4u);
  CAF_CHECK(shard_of(x, 2) == 2u);
  CAF_CHECK(!shard_of(x, 0));
  CAF_CHECK(!shard_of(x, 3));
  CAF_CHECK(shards_of(bound_to({3, 1, 3})) == std::vector<uint32_t>({1, 3}));
}

CAF_TEST(new products spread over all shards) {
  std::set<uint32_t> used;
  for (auto i = 0; i < 100; ++i)
    used.insert(first_shard("product-" + std::to_string(i), 8));
  CAF_CHECK_EQUAL(used.size(), 8u);
  CAF_CHECK_EQUAL(first_shard("anything", 1), 0u);
  CAF_CHECK_EQUAL(first_shard("bank", 8), first_shard("bank", 8));
}

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/changes_parts.hpp"

#include "tests/support/seeds.hpp"

#include <caf/test/unit_test.hpp>

#include <algorithm>
#include <random>
#include <string>

using namespace coppice;

namespace {

node_changes some_changes(uint64_t count, uint64_t version) {
  node_changes result{"blue", true, {}, {1, version}, {}};
  for (uint64_t i = 1; i <= count; ++i) {
    node_entry x;
    x.start = {"n" + std::to_string(i), 1};
    x.card = std::string(i % 100, 'x');
    x.changed = {1, i};
    result.entries.push_back(x);
  }
  return result;
}

} // namespace

CAF_TEST(what is small is one part) {
  auto x = some_changes(3, 9);
  auto parts = cut(x, 100'000);
  CAF_REQUIRE_EQUAL(parts.size(), 1u);
  CAF_CHECK(changes_collector{}.add(parts[0]) == x);
  CAF_CHECK_EQUAL(cut(some_changes(0, 9), 1).size(), 1u);
}

CAF_TEST(an entry that is too large has a part of its own) {
  CAF_CHECK_EQUAL(cut(some_changes(3, 9), 1).size(), 3u);
}

CAF_TEST(parts in any order and twice make the whole) {
  for (auto seed : test::seeds(100)) { // COPPICE_SEED=<n> replays one.
    std::minstd_rand rng{seed};
    auto x = some_changes(1'000, 2'000);
    auto parts = cut(x, 5'000);
    CAF_REQUIRE(parts.size() > 10);
    std::shuffle(parts.begin(), parts.end(), rng);
    changes_collector aut;
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      CAF_REQUIRE(!aut.add(parts[i]));
      CAF_REQUIRE(!aut.add(parts[rng() % (i + 1)]));
    }
    CAF_REQUIRE(aut.add(parts.back()) == x);
  }
}

CAF_TEST(parts of another whole take the place of what is incomplete) {
  auto old_parts = cut(some_changes(100, 200), 2'000);
  auto x = some_changes(100, 201);
  auto parts = cut(x, 2'000);
  changes_collector aut;
  CAF_CHECK(!aut.add(old_parts[0]));
  for (size_t i = 1; i < parts.size(); ++i)
    CAF_CHECK(!aut.add(parts[i]));
  CAF_CHECK(aut.add(parts[0]) == x);
  CAF_CHECK(!aut.add(parts[0]));
}

CAF_TEST(wild parts are refused) {
  changes_collector aut;
  auto x = some_changes(1, 1);
  CAF_CHECK(!aut.add({0, 0, x}));
  CAF_CHECK(!aut.add({2, 2, x}));
  CAF_CHECK(!aut.add({0, 4'000'000'000, x}));
}

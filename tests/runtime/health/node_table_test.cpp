// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/node_table.hpp"

#include <caf/test/unit_test.hpp>

#include <string>
#include <vector>

using namespace coppice;

namespace {

struct fixture {
  node_entry row(std::string node, uint64_t counter,
                 node_state state = node_state::healthy) {
    node_entry x;
    x.start = {std::move(node), 1};
    x.state = state;
    if (state == node_state::down)
      x.cause = down_cause::silent;
    x.changed = {1, counter};
    return x;
  }

  std::vector<std::string> names(const node_changes& x) {
    std::vector<std::string> result;
    for (auto& entry : x.entries)
      result.push_back(entry.start.node);
    return result;
  }

  using strings = std::vector<std::string>;

  node_table aut{
    "blue", {row("c", 9), row("a", 3), row("b", 5)}, {1, 9}, {1, 2}};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(node_table_tests, fixture)

CAF_TEST(changes are told from a version on) {
  auto x = aut.since({1, 3});
  CAF_CHECK(!x.whole);
  CAF_CHECK_EQUAL(x.cluster, "blue");
  CAF_CHECK(x.since == (list_version{1, 3}));
  CAF_CHECK(x.version == (list_version{1, 9}));
  CAF_CHECK(names(x) == (strings{"b", "c"}));
  CAF_CHECK(is_sound(x));
  CAF_CHECK(aut.since({1, 9}).entries.empty());
}

CAF_TEST(a node that changed twice is told once) {
  CAF_CHECK(aut.put(row("a", 10, node_state::down)));
  CAF_CHECK(aut.put(row("a", 11)));
  auto x = aut.since({1, 5});
  CAF_CHECK(names(x) == (strings{"c", "a"}));
  CAF_CHECK(x.entries[1].state == node_state::healthy);
}

CAF_TEST(a row that is known changes nothing) {
  CAF_CHECK(!aut.put(row("a", 9, node_state::down)));
  CAF_CHECK(aut.find("a")->state == node_state::healthy);
}

CAF_TEST(what cannot be told by difference is told as a whole) {
  for (auto version : {list_version{1, 1}, list_version{0, 9}, list_version{},
                       list_version{1, 10}, list_version{2, 3}}) {
    auto x = aut.since(version);
    CAF_CHECK(x.whole);
    CAF_CHECK(names(x) == (strings{"a", "b", "c"}));
    CAF_CHECK(is_sound(x));
  }
  CAF_CHECK(!aut.since({1, 2}).whole);
}

CAF_TEST(a node that is forgotten is told by difference) {
  CAF_CHECK(aut.put(row("b", 12, node_state::forgotten)));
  CAF_CHECK(!aut.find("b"));
  CAF_CHECK_EQUAL(aut.rows().size(), 2u);
  auto x = aut.since({1, 3});
  CAF_CHECK(!x.whole);
  CAF_CHECK(names(x) == (strings{"c", "b"}));
  CAF_CHECK(is_sound(x));
  x = aut.since({});
  CAF_CHECK(names(x) == (strings{"a", "c"}));
  CAF_CHECK(is_sound(x));
}

CAF_TEST(a node can be forgotten and come back) {
  aut.put(row("b", 12, node_state::forgotten));
  aut.put(row("b", 13));
  CAF_CHECK(aut.find("b"));
  CAF_CHECK(names(aut.since({1, 9})) == (strings{"b"}));
}

CAF_TEST(nodes that were forgotten long ago cost nothing) {
  auto most = node_table::max_tombstones;
  for (uint64_t i = 0; i <= most; ++i) {
    auto name = "x" + std::to_string(i);
    aut.put(row(name, 10 + 2 * i));
    aut.put(row(name, 11 + 2 * i, node_state::forgotten));
  }
  CAF_CHECK(aut.since({1, 10}).whole);
  CAF_CHECK(!aut.since({1, 11}).whole);
  CAF_CHECK_EQUAL(aut.since({1, 11}).entries.size(), most);
  CAF_CHECK_EQUAL(aut.rows().size(), 3u);
}

CAF_TEST(what peers send is checked) {
  auto good = aut.since({1, 3});
  CAF_CHECK(is_sound(good));
  auto x = good;
  x.since = {1, 10};
  CAF_CHECK(!is_sound(x));
  x = good;
  x.since.epoch = 0;
  CAF_CHECK(!is_sound(x));
  x = good;
  x.since = {1, 5};
  CAF_CHECK(!is_sound(x));
  x = good;
  x.version = {1, 8};
  CAF_CHECK(!is_sound(x));
  x = good;
  std::swap(x.entries[0], x.entries[1]);
  CAF_CHECK(!is_sound(x));
  x = good;
  x.entries[0].state = static_cast<node_state>(9);
  CAF_CHECK(!is_sound(x));
  x = good;
  x.entries[0].cause = down_cause::silent;
  CAF_CHECK(!is_sound(x));
  x = good;
  x.entries[0].start.node.clear();
  CAF_CHECK(!is_sound(x));
}

CAF_TEST_FIXTURE_SCOPE_END()

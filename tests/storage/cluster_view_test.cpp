// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/cluster_view.hpp"

#include "tests/support/temp_folder.hpp"

#include <caf/test/unit_test.hpp>

#include <fstream>
#include <string>
#include <utility>

using namespace coppice;

namespace {

node_entry row(const std::string& node, node_state state, uint64_t counter) {
  return {{node, 7}, state, down_cause::none, "card", {1, counter}, 5'000};
}

struct fixture {
  cluster_view::opened_view open() {
    auto x = cluster_view::open_or_renew(dir);
    CAF_REQUIRE(x);
    return std::move(x.value());
  }

  test::temp_folder folder;
  std::filesystem::path dir = folder.path() / "view";
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(cluster_view_tests, fixture)

CAF_TEST(what was saved is there at the next start) {
  auto healthy = row("a", node_state::healthy, 3);
  healthy.hold = node_hold{1, 2};
  {
    auto x = open();
    CAF_CHECK(!x.damage);
    CAF_CHECK(x.saved.rows.empty());
    CAF_CHECK(x.view->save({"c", {row("b", node_state::down, 2)}, {1, 2}, 10}));
    CAF_CHECK(x.view->save({"c", {healthy}, {1, 3}, 20}));
    CAF_CHECK(
      x.view->save({"c", {row("b", node_state::forgotten, 4)}, {1, 4}, 30}));
  }
  auto x = open();
  CAF_CHECK(!x.damage);
  CAF_CHECK_EQUAL(x.saved.cluster, "c");
  CAF_REQUIRE_EQUAL(x.saved.rows.size(), 1u);
  CAF_CHECK(x.saved.rows[0] == healthy);
  CAF_CHECK(x.saved.version == (list_version{1, 4}));
  CAF_CHECK_EQUAL(x.saved.confirmed_ms, 30);
}

CAF_TEST(a view that cannot be read is made anew) {
  {
    auto x = open();
    CAF_CHECK(
      x.view->save({"c", {row("a", node_state::healthy, 3)}, {1, 3}, 10}));
  }
  std::ofstream{dir / "data.mdb", std::ios::trunc} << std::string(20'000, 'x');
  {
    auto x = open();
    CAF_CHECK(x.damage);
    CAF_CHECK(x.saved.rows.empty());
    CAF_CHECK(x.view->save({"c", {}, {1, 3}, 10}));
  }
  CAF_CHECK(!open().damage);
}

CAF_TEST(where there can be no view that is said) {
  std::ofstream{dir} << "a file in its place";
  auto parent = folder.path() / "file";
  std::ofstream{parent} << "x";
  CAF_CHECK(!cluster_view::open_or_renew(parent / "view"));
  // One that is in its own place is removed.
  CAF_CHECK(open().damage);
}

CAF_TEST_FIXTURE_SCOPE_END()

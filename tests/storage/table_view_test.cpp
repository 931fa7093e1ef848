// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/table_view.hpp"

#include "storage/lmdb_env.hpp"
#include "tests/storage/machine.hpp"
#include "tests/support/seeds.hpp"

#include <caf/test/unit_test.hpp>

#include <map>
#include <memory>
#include <random>
#include <string>

using namespace coppice;
using test::demand;

namespace {

using model = std::map<std::string, std::string>;

/// An active overlay over a frozen one over LMDB, and what they should show.
struct fixture {
  fixture() : env(open(folder)) {
    handles.fill(env.meta());
    handles[to_index(where)] = env.open_table("t").value();
  }

  static lmdb_env open(const test::temp_folder& folder) {
    lmdb_options options;
    options.flags = MDB_NOSYNC;
    auto env = lmdb_env::open(folder.path() / "t", options);
    CAF_REQUIRE(env);
    return std::move(env).value();
  }

  template <class F>
  void with_view(F fun) {
    auto done = env.read([&](const lmdb_txn& txn) -> result<> {
      table_view view{{active.get(), frozen.get(), &txn, &handles}};
      fun(view);
      demand(!view.failure(), "no failure");
      return ok();
    });
    demand(done.has_value(), "read");
  }

  /// Makes the active overlay the frozen one, which is written to LMDB.
  void freeze() {
    if (frozen)
      flush();
    frozen = std::move(active);
    active = std::make_unique<overlay>();
  }

  /// Writes the frozen overlay to LMDB, and drops it if *drop*.
  void flush(bool drop = true) {
    if (!frozen)
      return;
    auto done = env.write([&](lmdb_txn& txn) -> result<> {
      for (auto& [key, x] : frozen->rows(where)) {
        if (x.erased)
          (void)txn.erase(handles[to_index(where)], key);
        else
          (void)txn.put(handles[to_index(where)], key, x.value);
      }
      return ok();
    });
    demand(done.has_value(), "write");
    if (drop)
      frozen.reset();
  }

  /// Removes all rows everywhere.
  void clear() {
    active = std::make_unique<overlay>();
    frozen.reset();
    CAF_REQUIRE(env.write(
      [&](lmdb_txn& txn) { return txn.clear(handles[to_index(where)]); }));
    expected.clear();
  }

  void put(table_view& view, const std::string& key, const std::string& value) {
    view.put(where, key, value);
    expected[key] = value;
  }

  void erase(table_view& view, const std::string& key) {
    view.erase(where, key);
    expected.erase(key);
  }

  /// One random change, of few keys so that they meet again and again.
  void change(table_view& view, std::minstd_rand& rng) {
    auto key = std::string(1 + rng() % 2, static_cast<char>('a' + rng() % 6));
    auto value = std::string(rng() % 3, static_cast<char>('0' + rng() % 10));
    switch (rng() % 5) {
      case 0:
      case 1:
        return put(view, key, value);
      case 2:
        if (expected.count(key) == 0) {
          view.insert_new(where, key, value);
          expected[key] = value;
        }
        return;
      default:
        return erase(view, key);
    }
  }

  void check_reads(const table_view& view) {
    for (auto first = 'a'; first <= 'g'; ++first)
      for (auto key : {std::string(1, first), std::string(2, first)}) {
        auto i = expected.find(key);
        auto found = view.get(where, key);
        demand(found.has_value() == (i != expected.end()), "get: there or not");
        demand(!found || *found == i->second, "get: value");
        auto from = expected.lower_bound(key);
        auto row = view.lower_bound(where, key);
        demand(row.has_value() == (from != expected.end()), "seek: or not");
        demand(!row || row->first == from->first, "seek: key");
        demand(!row || row->second == from->second, "seek: value");
      }
    model seen;
    table_cursor cursor{view, where};
    for (auto row = cursor.seek({}); row; row = cursor.next())
      seen.emplace(row->first, row->second);
    demand(seen == expected, "walk");
  }

  static constexpr auto where = table::queue;

  test::temp_folder folder;
  lmdb_env env;
  std::array<MDB_dbi, table_count> handles{};
  std::unique_ptr<overlay> active = std::make_unique<overlay>();
  std::unique_ptr<overlay> frozen;
  model expected;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(table_view_tests, fixture)

CAF_TEST(three layers look like one map under random changes) {
  for (auto seed : test::seeds(1'000)) {
    CAF_MESSAGE("seed " << seed);
    std::minstd_rand rng{seed};
    clear();
    for (auto step = 0; step < 60; ++step) {
      if (rng() % 12 == 0)
        freeze();
      // Committed but not dropped: what a reader may meet.
      if (rng() % 12 == 0)
        flush(rng() % 2 == 0);
      with_view([&](table_view& view) {
        for (auto n = rng() % 4; n > 0; --n)
          change(view, rng);
        check_reads(view);
      });
    }
  }
}

CAF_TEST(what was returned stays as it was while rows change) {
  with_view([&](table_view& view) {
    view.put(where, "k", "before");
    auto seen = view.get(where, "k");
    auto row = view.lower_bound(where, "k");
    view.put(where, "k", "after");
    view.erase(where, "k");
    CAF_CHECK(*seen == "before");
    CAF_CHECK(row->first == "k");
    CAF_CHECK(row->second == "before");
  });
}

CAF_TEST(a new row that is erased again leaves nothing to flush) {
  with_view([&](table_view& view) {
    view.insert_new(where, "k", "v");
    view.erase(where, "k");
  });
  CAF_CHECK_EQUAL(active->keys(), 0u);
}

CAF_TEST(a new row in the place of a flushed one that was erased is hidden) {
  with_view([&](table_view& view) { view.put(where, "k", "old"); });
  freeze();
  flush();
  with_view([&](table_view& view) {
    view.erase(where, "k");
    view.insert_new(where, "k", "new");
    view.erase(where, "k");
    CAF_CHECK(!view.get(where, "k"));
  });
}

CAF_TEST(a key that LMDB cannot store fails the view and not the flush) {
  CAF_REQUIRE(env.read([&](const lmdb_txn& txn) -> result<> {
    table_view view{{active.get(), frozen.get(), &txn, &handles}};
    view.put(where, std::string(512, 'k'), "v");
    CAF_REQUIRE(view.failure());
    CAF_CHECK(view.failure()->code == ec::invalid_argument);
    view.put(where, "", "v");
    view.insert_new(where, "", "v");
    view.erase(where, "");
    CAF_CHECK(!view.get(where, ""));
    return ok();
  }));
  CAF_CHECK_EQUAL(active->keys(), 0u);
}

CAF_TEST(an overlay counts the memory of old values) {
  overlay x;
  x.put(where, "key", "12345");
  x.put(where, "key", "1234567");
  CAF_CHECK_EQUAL(x.keys(), 1u);
  CAF_CHECK_EQUAL(x.bytes(), 15u);
}

CAF_TEST_FIXTURE_SCOPE_END()

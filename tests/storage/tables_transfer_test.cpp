// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/tables_transfer.hpp"

#include "tests/storage/machine.hpp"
#include "tests/support/temp_folder.hpp"

#include <caf/test/unit_test.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

using namespace coppice;

namespace {

constexpr auto where = table::queue;

struct fixture {
  test::temp_folder folder;
  std::unique_ptr<tables> leader = open("leader");
  std::unique_ptr<tables> follower = open("follower");

  std::filesystem::path at(const std::string& name) {
    return folder.path() / name;
  }

  std::unique_ptr<tables> open(const std::string& name) {
    return test::unwrap(open_tables(at(name), test::quick_tables()));
  }

  static log_base position(uint64_t index) {
    return {{index, 7}, {1, "members"}};
  }

  /// Fills the leader's tables with rows that have *text*.
  void fill(const std::string& text, int rows = 500) {
    test::unwrap(leader->apply(
      [&](table_view& view) {
        for (auto i = 0; i < rows; ++i)
          view.put(where, std::to_string(i), text + std::to_string(i));
      },
      position(leader->applied() + 1)));
    test::unwrap(leader->flush_now());
  }

  tables_copy copy() {
    return test::unwrap(tables_copy::make(*leader, at("leader")));
  }

  /// Moves *from* to *to* as long as parts come, at most *most* of them.
  static bool transfer(const tables_copy& from, tables_intake& to,
                       size_t most = SIZE_MAX) {
    for (size_t i = 0; i < most; ++i) {
      auto part = test::unwrap(from.read(to.wanted().offset(), 10'000));
      if (test::unwrap(to.take(part)))
        return true;
    }
    return false;
  }

  std::string row(tables& db, int i) {
    return test::unwrap(db.read([&](const table_view& view, uint64_t) {
      return std::string{
        view.get(where, std::to_string(i)).value_or("nothing")};
    }));
  }

  tables_intake intake() {
    return test::unwrap(tables_intake::begin(at("follower")));
  }

  void reopen() {
    follower.reset();
    follower = open("follower");
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(tables_transfer_tests, fixture)

CAF_TEST(tables arrive as they were when they were copied) {
  fill("old");
  auto from = copy();
  fill("new");
  auto to = intake();
  CAF_CHECK(transfer(from, to));
  CAF_CHECK_EQUAL(row(*follower, 3), "nothing");
  reopen();
  CAF_CHECK_EQUAL(row(*follower, 3), "old3");
  CAF_CHECK_EQUAL(row(*follower, 499), "old499");
  CAF_CHECK(follower->position() == position(1));
  // They are tables like any others, and stay.
  test::unwrap(follower->apply(
    [](table_view& view) { view.put(where, "3", "mine"); }, position(2)));
  test::unwrap(follower->flush_now());
  reopen();
  CAF_CHECK_EQUAL(row(*follower, 3), "mine");
}

CAF_TEST(a transfer that is not complete changes nothing) {
  fill("x");
  auto from = copy();
  auto to = intake();
  CAF_CHECK(!transfer(from, to, 2));
  reopen();
  CAF_CHECK_EQUAL(row(*follower, 3), "nothing");
  CAF_CHECK_EQUAL(follower->applied(), 0u);
}

CAF_TEST(parts that come twice or late or of another copy do no harm) {
  fill("x");
  auto from = copy();
  fill("y");
  auto other = copy();
  auto to = intake();
  auto first = test::unwrap(from.read(0, 10'000));
  auto second = test::unwrap(from.read(10'000, 10'000));
  CAF_CHECK(!test::unwrap(to.take(second)));
  CAF_CHECK_EQUAL(to.wanted().copy(), 0u);
  CAF_CHECK(!test::unwrap(to.take(first)));
  CAF_CHECK(!test::unwrap(to.take(first)));
  CAF_CHECK(!test::unwrap(to.take(test::unwrap(other.read(10'000, 10'000)))));
  CAF_CHECK_EQUAL(to.wanted().copy(), from.number());
  CAF_CHECK_EQUAL(to.wanted().offset(), 10'000u);
  // The beginning of another one: its maker leads now.
  CAF_CHECK(!test::unwrap(to.take(test::unwrap(other.read(0, 20'000)))));
  CAF_CHECK_EQUAL(to.wanted().copy(), other.number());
  CAF_CHECK(transfer(other, to));
  reopen();
  CAF_CHECK_EQUAL(row(*follower, 3), "y3");
}

CAF_TEST(a crash while tables are replaced is made good) {
  fill("x");
  auto from = copy();
  auto to = intake();
  CAF_CHECK(transfer(from, to));
  follower.reset();
  // As if it had come after the old tables were removed.
  std::filesystem::remove_all(at("follower") / "tables");
  reopen();
  CAF_CHECK_EQUAL(row(*follower, 3), "x3");
}

CAF_TEST(a copy leaves no file behind) {
  fill("x");
  {
    auto from = copy();
    std::vector<std::string> names;
    for (auto& x : std::filesystem::directory_iterator{at("leader")})
      names.push_back(x.path().filename());
    CAF_CHECK_EQUAL(names, std::vector<std::string>{"tables"});
  }
}

CAF_TEST(tables grow while they are copied) {
  for (auto round = 0; round < 5; ++round) {
    fill(std::string(4'000, static_cast<char>('a' + round)), 2'000);
    auto from = copy();
    auto to = intake();
    CAF_CHECK(transfer(from, to));
    reopen();
    CAF_CHECK_EQUAL(follower->applied(), leader->applied());
    CAF_CHECK_EQUAL(row(*follower, 1'999), row(*leader, 1'999));
  }
}

CAF_TEST_FIXTURE_SCOPE_END()

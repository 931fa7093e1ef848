// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/task_tables.hpp"

#include "tests/storage/machine.hpp"

#include <caf/test/unit_test.hpp>

#include <limits>
#include <string>
#include <vector>

using namespace coppice;

namespace {

struct fixture {
  /// Changes the tables.
  template <class F>
  void write(F fun) {
    test::unwrap(store->apply([&](table_view& view) { fun(view); },
                              {{store->applied() + 1, 1}, {}}));
  }

  /// Reads from them.
  template <class F>
  auto read(F fun) {
    return test::unwrap(
      store->read([&](const table_view& view, uint64_t) { return fun(view); }));
  }

  /// Reads from them and returns the error.
  template <class F>
  error fail(F fun) {
    auto x = store->read([&](const table_view& view, uint64_t) { fun(view); });
    CAF_REQUIRE(!x);
    return x.error();
  }

  test::temp_folder folder;
  std::unique_ptr<tables> store
    = test::unwrap(tables::open(folder.path() / "t", test::quick_tables()));
};

std::vector<uint64_t> sequences(const std::vector<queued_task>& xs) {
  std::vector<uint64_t> out;
  for (auto& x : xs)
    out.push_back(x.id.sequence);
  return out;
}

using numbers = std::vector<uint64_t>;

constexpr auto u32_max = std::numeric_limits<uint32_t>::max();

} // namespace

CAF_TEST_FIXTURE_SCOPE(task_tables_tests, fixture)

CAF_TEST(a queue is ordered by priority and then by id) {
  write([](table_view& view) {
    put_queued(view, {{1, 1, 4}, 2, 0, 0});
    put_queued(view, {{1, 1, 3}, 2, -9, 0});
    put_queued(view, {{1, 1, 2}, 2, 9, 3});
    put_queued(view, {{1, 1, 1}, 2, 0, 0});
    put_queued(view, {{1, 2, 0}, 2, 0, 0});
    put_queued(view, {{1, 1, 7}, 3, 9, 0});
  });
  read([](const table_view& view) {
    auto all = get_queued(view, {1, 2}, 10);
    CAF_CHECK(sequences(all) == numbers({2, 1, 4, 0, 3}));
    CAF_CHECK_EQUAL(all[0].attempt, 3u);
    CAF_CHECK_EQUAL(all[0].priority, 9);
    CAF_CHECK_EQUAL(all[4].priority, -9);
    CAF_CHECK(first_queued(view, {1, 2}) == all[0]);
    for (size_t i = 0; i + 1 < all.size(); ++i)
      CAF_CHECK(next_queued(view, all[i]) == all[i + 1]);
    CAF_CHECK(!next_queued(view, all[4]));
    CAF_CHECK(sequences(get_queued(view, {1, 2}, 2, all[1]))
              == numbers({4, 0}));
    CAF_CHECK(get_queued(view, {1, 4}, 2).empty());
    CAF_CHECK(!first_queued(view, {1, 4}));
    CAF_CHECK(!first_queued(view, {2, 0}));
    return 0;
  });
}

CAF_TEST(a place in a queue is kept when its task has left) {
  write([](table_view& view) {
    put_queued(view, {{1, 1, 1}, 2, 0, 0});
    put_queued(view, {{1, 1, 2}, 2, 0, 0});
    erase_queued(view, {{1, 1, 1}, 2, 0, 0});
  });
  auto next = read([](const table_view& view) {
    return next_queued(view, {{1, 1, 1}, 2, 0, 0});
  });
  CAF_REQUIRE(next);
  CAF_CHECK_EQUAL(next->id.sequence, 2u);
}

CAF_TEST(queues with waiting tasks are found whatever is in them) {
  write([](table_view& view) {
    for (uint64_t i = 1; i < 50; ++i) {
      put_queued(view, {{1, 1, i}, 1, 0, 0});
      put_queued(view, {{7, 1, i}, u32_max, 0, 0});
    }
    put_queued(view, {{1, 1, 60}, 5, 0, 0});
    put_queued(view, {{u32_max, 1, 1}, u32_max, -9, 0});
  });
  auto found = read([](const table_view& view) { return get_queues(view); });
  CAF_CHECK(found
            == std::vector<queue_name>(
              {{1, 1}, {1, 5}, {7, u32_max}, {u32_max, u32_max}}));
}

CAF_TEST(pauses are ordered by their end) {
  write([](table_view& view) {
    put_due(view, {300, {1, 1, 1}});
    put_due(view, {70'000, {1, 1, 2}});
    put_due(view, {200, {1, 1, 3}});
  });
  read([](const table_view& view) {
    CAF_CHECK(first_due(view) == due_task({200, {1, 1, 3}}));
    CAF_CHECK_EQUAL(get_due(view, 199, 9).size(), 0u);
    CAF_CHECK_EQUAL(get_due(view, 300, 9).size(), 2u);
    CAF_CHECK_EQUAL(get_due(view, 300, 1).size(), 1u);
    CAF_CHECK_EQUAL(get_due(view, 70'000, 9).size(), 3u);
    return 0;
  });
}

CAF_TEST(leases are found by node) {
  write([](table_view& view) {
    put_live(view, {2, {1, 1, 1}, 3});
    put_live(view, {1, {1, 1, 2}, 1});
    put_live(view, {256, {1, 1, 3}, 1});
  });
  read([](const table_view& view) {
    CAF_CHECK(get_live(view, 2)
              == std::vector<live_attempt>({{2, {1, 1, 1}, 3}}));
    CAF_CHECK_EQUAL(get_all_live(view).size(), 3u);
    CAF_CHECK(get_live(view, 3).empty());
    return 0;
  });
}

CAF_TEST(products and classes have numbers from 1) {
  write([](table_view& view) {
    for (auto name : {"a", "b"}) {
      proto::ProductRow product;
      product.set_name(name);
      product.set_number(next_product_number(view));
      put_product(view, product);
    }
    proto::ClassRow x;
    x.set_kind("exec");
    CAF_CHECK_EQUAL(intern_class(view, x), 1u);
    x.add_labels("b=1");
    x.add_labels("a=1");
    CAF_CHECK_EQUAL(intern_class(view, x), 2u);
    x.clear_labels();
    for (auto label : {"a=1", "b=1", "a=1"})
      x.add_labels(label);
    CAF_CHECK_EQUAL(intern_class(view, x), 2u);
    // Not the same, although the texts in a row are.
    x.clear_labels();
    x.add_labels("a=1b=1");
    CAF_CHECK_EQUAL(intern_class(view, x), 3u);
  });
  read([](const table_view& view) {
    CAF_CHECK(find_product(view, "b") == 2u);
    CAF_CHECK(!find_product(view, "c"));
    auto product = get_product(view, 2).value_or(proto::ProductRow{});
    CAF_CHECK_EQUAL(product.name(), "b");
    CAF_CHECK_EQUAL(get_products(view).size(), 2u);
    auto row = get_class(view, 2);
    CAF_REQUIRE(row);
    CAF_CHECK_EQUAL(row->labels(0), "a=1");
    CAF_CHECK_EQUAL(row->labels_size(), 2);
    return 0;
  });
}

CAF_TEST(tasks are walked in the order of their ids) {
  write([](table_view& view) {
    for (auto id : {task_id{1, 1, 2}, task_id{2, 1, 1}, task_id{1, 1, 256}})
      put_task(view, id, proto::TaskRow{});
  });
  auto walk = [&](const task_id& after, uint32_t product) {
    return read([&](const table_view& view) {
      std::string out;
      for_each_task(view, after, product, [&](const task_id& id, auto&) {
        out += to_string(id) + " ";
        return true;
      });
      return out;
    });
  };
  CAF_CHECK_EQUAL(walk({}, 0), "1.1.2 1.1.256 2.1.1 ");
  CAF_CHECK_EQUAL(walk({1, 1, 2}, 0), "1.1.256 2.1.1 ");
  CAF_CHECK_EQUAL(walk({1, 1, 2}, 1), "1.1.256 ");
  CAF_CHECK_EQUAL(walk({1, 1, 2}, 2), "2.1.1 ");
  CAF_CHECK_EQUAL(walk({2, 1, 1}, 1), "");
}

CAF_TEST(the largest row of a task has at most 128 bytes) {
  for (auto time : {std::numeric_limits<int64_t>::max(), int64_t{-1}}) {
    proto::TaskRow x;
    x.set_state(proto::TIMED_OUT);
    x.set_reason(proto::REFUSED_BY_NODE);
    x.set_attempt(u32_max);
    x.set_tries(u32_max);
    x.set_priority(std::numeric_limits<int32_t>::min());
    x.set_task_class(u32_max);
    x.set_submitted_ms(time);
    x.set_changed_ms(time);
    x.set_first_leased_ms(time);
    x.set_leased_ms(time);
    x.set_node(u32_max);
    x.set_incarnation(std::numeric_limits<uint64_t>::max());
    x.set_due_ms(time);
    x.set_cancel_requested(true);
    x.set_numbered_after(u32_max);
    x.set_skipped(u32_max);
    CAF_CHECK(x.ByteSizeLong() <= 128);
  }
}

CAF_TEST(damaged rows are errors that name table and key) {
  write([](table_view& view) {
    auto id = std::string(16, '\x01');
    view.put(table::task, id, "\xFF");
    view.put(table::attempt, id + "\x01\x01\x01\x01", "\xFF");
    view.put(table::queue, "short", "");
    view.put(table::due, "short", "");
    view.put(table::live, "short", "");
    view.put(table::key, std::string("\0\0\0\1k", 5), "x");
    view.put(table::product, "x", "name");
    view.put(table::product_name, "p", "x");
    view.put(table::node_name, "n", "x");
    view.put(table::node, std::string("\0\0\0\1", 4), "\xFF");
    view.put(table::kind, "k", "\xFF");
    view.put(table::checkpoint, id, "\xFF");
  });
  auto id = task_id_from_key(std::string(16, '\x01'));
  auto names = [&](const char* name, auto fun) {
    auto x = fail(fun);
    CAF_CHECK(x.code == ec::corrupt_store);
    CAF_CHECK(x.message.find(std::string{"of the table '"} + name + "'")
              != std::string::npos);
  };
  using view = const table_view&;
  names("task", [&](view x) { CAF_CHECK(!get_task(x, id)); });
  names("attempt", [&](view x) { get_attempts(x, id); });
  names("queue", [](view x) { get_queues(x); });
  names("due", [](view x) { first_due(x); });
  names("live", [](view x) { get_all_live(x); });
  names("key", [](view x) { find_key(x, 1, "k"); });
  names("product", [](view x) { get_products(x); });
  names("product_name", [](view x) { find_product(x, "p"); });
  names("node_name", [](view x) { find_node(x, "n"); });
  names("node", [](view x) { get_nodes(x); });
  names("kind", [](view x) { get_kind(x, "k"); });
  names("checkpoint", [&](view x) { get_checkpoint(x, id); });
}

CAF_TEST_FIXTURE_SCOPE_END()

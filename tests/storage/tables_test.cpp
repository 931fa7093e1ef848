// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/tables.hpp"

#include "tests/storage/machine.hpp"
#include "tests/support/seeds.hpp"

#include <caf/test/unit_test.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

using model = std::map<std::string, std::string>;

constexpr auto where = table::queue;

log_base at(uint64_t index) {
  return {{index, 3}, {1, "members"}};
}

struct fixture {
  tables_options options = test::quick_tables();
  test::temp_folder folder;
  std::unique_ptr<tables> store;
  tables::time_point now{};

  void open() {
    store.reset();
    store = test::unwrap(tables::open(folder.path() / "t", options));
  }

  void put(const std::string& key, const std::string& value) {
    test::unwrap(
      store->apply([&](table_view& view) { view.put(where, key, value); },
                   at(store->applied() + 1)));
  }

  std::string get(const std::string& key) {
    return test::unwrap(store->read([&](const table_view& view, uint64_t) {
      return std::string{view.get(where, key).value_or("nothing")};
    }));
  }
};

/// Lets no file grow beyond *bytes*, until it dies.
class file_size_limit {
public:
  explicit file_size_limit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit now{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &now);
  }

  ~file_size_limit() {
    setrlimit(RLIMIT_FSIZE, &before_);
  }

private:
  rlimit before_{};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(tables_tests, fixture)

CAF_TEST(what is not flushed is gone after a new start and the index says so) {
  open();
  put("a", "1");
  CAF_REQUIRE(store->flush_now());
  put("b", "2");
  CAF_CHECK_EQUAL(store->applied(), 2u);
  CAF_CHECK_EQUAL(store->durable_index(), 1u);
  open();
  CAF_CHECK_EQUAL(store->applied(), 1u);
  CAF_CHECK_EQUAL(store->durable_index(), 1u);
  CAF_CHECK_EQUAL(get("a"), "1");
  CAF_CHECK_EQUAL(get("b"), "nothing");
}

CAF_TEST(changes are flushed when they are many) {
  options.max_keys = 3;
  open();
  put("a", "1");
  put("b", "2");
  CAF_CHECK_EQUAL(store->durable_index(), 0u);
  put("c", "3");
  CAF_CHECK_EQUAL(store->durable_index(), 3u);
}

CAF_TEST(changes are flushed when they are large) {
  options.max_bytes = 100;
  open();
  put("a", std::string(50, 'x'));
  CAF_CHECK_EQUAL(store->durable_index(), 0u);
  put("a", std::string(50, 'y'));
  CAF_CHECK_EQUAL(store->durable_index(), 2u);
}

CAF_TEST(changes are flushed when they are old) {
  open();
  put("a", "1");
  store->flush_due(now);
  store->flush_due(now + 99ms);
  CAF_CHECK_EQUAL(store->durable_index(), 0u);
  store->flush_due(now + 100ms);
  CAF_CHECK_EQUAL(store->durable_index(), 1u);
  put("a", "2");
  store->flush_due(now + 150ms);
  store->flush_due(now + 200ms);
  CAF_CHECK_EQUAL(store->durable_index(), 1u);
  store->flush_due(now + 250ms);
  CAF_CHECK_EQUAL(store->durable_index(), 2u);
}

CAF_TEST(an entry without changes moves the durable index too) {
  open();
  CAF_REQUIRE(store->apply([](table_view&) {}, at(7)));
  CAF_REQUIRE(store->flush_now());
  CAF_CHECK_EQUAL(store->durable_index(), 7u);
}

CAF_TEST(an entry is applied once) {
  open();
  put("a", "1");
  auto called = false;
  auto again = store->apply([&](table_view&) { called = true; }, at(1));
  CAF_REQUIRE(!again);
  CAF_CHECK(again.error().code == ec::invalid_argument);
  CAF_CHECK(!called);
}

CAF_TEST(the last entry and the members there are kept) {
  open();
  CAF_CHECK(store->position() == log_base{});
  put("a", "1");
  CAF_REQUIRE(store->flush_now());
  open();
  CAF_CHECK(store->position() == at(1));
}

CAF_TEST(readers are told the index that they see) {
  open();
  CAF_REQUIRE(store->apply([](table_view&) {}, at(7)));
  auto seen = store->read([](const table_view&, uint64_t x) { return x; });
  CAF_REQUIRE(seen);
  CAF_CHECK(seen.value() == 7);
  CAF_CHECK(store->read([](const table_view&, uint64_t) {}));
}

CAF_TEST(a row that does not decode fails the call and stops the tables) {
  open();
  test::unwrap(store->apply(
    [](table_view& view) { view.put(table::task, "key", "\xFF"); }, at(1)));
  auto seen = store->read([](const table_view& view, uint64_t) {
    for_each_task(view, {}, 0, [](auto&, auto&) { return true; });
    return 1;
  });
  CAF_REQUIRE(!seen);
  CAF_CHECK(seen.error().code == ec::corrupt_store);
  CAF_CHECK_EQUAL(seen.error().message,
                  "the row 6b6579 of the table 'task' is damaged");
  auto applied = store->apply(
    [](table_view& view) {
      for_each_task(view, {}, 0, [](auto&, auto&) { return true; });
    },
    at(2));
  CAF_REQUIRE(!applied);
  CAF_CHECK(applied.error().code == ec::corrupt_store);
  CAF_CHECK(!store->apply([](table_view&) {}, at(3)));
  CAF_CHECK(!store->flush_now());
  CAF_CHECK_EQUAL(store->durable_index(), 0u);
}

CAF_TEST(a flush that fails is kept and tried again) {
  for (auto background : {false, true}) {
    options.background = background;
    options.retry_pause = 1h;
    test::temp_folder other;
    store = test::unwrap(tables::open(other.path(), options));
    put("a", "1");
    {
      file_size_limit limit{1};
      auto done = store->flush_now();
      CAF_REQUIRE(!done);
      CAF_CHECK(done.error().code == ec::storage_failure);
      CAF_CHECK(store->last_error());
      CAF_CHECK_EQUAL(store->durable_index(), 0u);
      put("b", "2");
      CAF_CHECK_EQUAL(get("a"), "1");
      CAF_CHECK_EQUAL(get("b"), "2");
    }
    CAF_REQUIRE(store->flush_now());
    CAF_CHECK(!store->last_error());
    CAF_CHECK_EQUAL(store->durable_index(), 2u);
    CAF_CHECK_EQUAL(get("a"), "1");
    store.reset();
  }
}

CAF_TEST(a flush that failed is tried again when its time has come) {
  open();
  put("a", "1");
  {
    file_size_limit limit{1};
    CAF_REQUIRE(!store->flush_now());
  }
  store->flush_due(now);
  CAF_CHECK_EQUAL(store->durable_index(), 1u);
}

CAF_TEST(a late flush has the index of what is in it and not of later changes) {
  options.background = true;
  options.retry_pause = 1ms;
  open();
  put("a", "1");
  {
    file_size_limit limit{1};
    CAF_REQUIRE(!store->flush_now());
    put("b", "2");
  }
  while (store->durable_index() == 0)
    std::this_thread::yield();
  open();
  CAF_CHECK_EQUAL(store->applied(), 1u);
  CAF_CHECK_EQUAL(get("a"), "1");
  CAF_CHECK_EQUAL(get("b"), "nothing");
}

CAF_TEST(a flush that succeeds is followed by the next without a pause) {
  options.background = true;
  options.retry_pause = 1h;
  options.max_keys = 1;
  open();
  for (auto i = 0; i < 20'000; ++i)
    put("k", std::to_string(i));
  CAF_CHECK_EQUAL(get("k"), "19999");
}

CAF_TEST(nothing is applied while it is full and cannot be flushed) {
  for (auto background : {false, true}) {
    options.background = background;
    options.retry_pause = 1h;
    options.max_keys = 1;
    test::temp_folder other;
    store = test::unwrap(tables::open(other.path(), options));
    {
      file_size_limit limit{1};
      put("a", "1");
      while (!store->last_error())
        std::this_thread::yield();
      put("b", "2");
      auto done = store->apply([](table_view&) { CAF_ERROR("called"); }, at(3));
      CAF_REQUIRE(!done);
      CAF_CHECK(done.error().code == ec::storage_failure);
      CAF_CHECK_EQUAL(store->applied(), 2u);
    }
    CAF_CHECK(store->flush_now());
    put("c", "3");
    CAF_CHECK_EQUAL(get("b"), "2");
    store.reset();
  }
}

CAF_TEST(tables show what a map shows through flushes and new starts) {
  for (auto seed : test::seeds(100)) {
    CAF_MESSAGE("seed " << seed);
    std::minstd_rand rng{seed};
    options.background = seed % 16 == 0;
    options.max_keys = 1 + rng() % 12;
    options.environment.map_size_bytes = size_t{1} << 20;
    test::temp_folder other;
    auto reopen = [&] {
      store.reset();
      store = test::unwrap(tables::open(other.path(), options));
    };
    reopen();
    std::vector<model> history(1);
    for (auto left = options.background ? 40 : 150; left > 0; --left) {
      auto next = history.back();
      test::unwrap(store->apply(
        [&](table_view& view) {
          for (auto n = rng() % 4; n > 0; --n) {
            auto key = std::to_string(rng() % 20);
            if (rng() % 3 == 0) {
              view.erase(where, key);
              next.erase(key);
            } else {
              // Large ones make the map grow under the flush.
              auto value = std::string(rng() % 50 == 0 ? 200'000 : 5,
                                       static_cast<char>('a' + rng() % 26));
              if (next.count(key) == 0)
                view.insert_new(where, key, value);
              else
                view.put(where, key, value);
              next[key] = value;
            }
          }
        },
        at(history.size())));
      history.push_back(std::move(next));
      if (rng() % 40 == 0) {
        reopen();
        test::demand(store->applied() < history.size(), "index");
        history.resize(store->applied() + 1);
      } else if (rng() % 20 == 0) {
        test::unwrap(store->flush_now());
        test::demand(store->durable_index() == history.size() - 1, "durable");
      }
      auto rows
        = test::unwrap(store->read([&](const table_view& view, uint64_t index) {
            test::demand(index == history.size() - 1, "index of the view");
            model out;
            table_cursor cursor{view, where};
            for (auto row = cursor.seek({}); row; row = cursor.next())
              out.emplace(row->first, row->second);
            return out;
          }));
      test::demand(rows == history.back(), "rows");
    }
  }
}

CAF_TEST(other threads see whole entries only while flushes run) {
  options.background = true;
  options.max_keys = 4;
  open();
  constexpr auto keys = 5;
  put("0", "0");
  std::atomic<bool> stop{false};
  std::atomic<int> torn{0};
  std::atomic<int> ahead{0};
  std::atomic<int> failed{0};
  std::atomic<int> reads{0};
  auto look = [&] {
    while (!stop) {
      auto durable = store->durable_index();
      ahead += durable > store->applied();
      failed += store->last_error().has_value();
      auto same
        = test::unwrap(store->read([&](const table_view& view, uint64_t index) {
            // Entry N has written N to all keys; the first one only to one.
            for (auto i = 0; index > 1 && i < keys; ++i)
              if (view.get(where, std::to_string(i)) != std::to_string(index))
                return false;
            return true;
          }));
      torn += !same;
      ++reads;
    }
  };
  std::vector<std::thread> readers;
  for (auto i = 0; i < 3; ++i)
    readers.emplace_back(look);
  for (uint64_t index = 2; index < 150 || reads < 150; ++index) {
    test::unwrap(store->apply(
      [&](table_view& view) {
        for (auto i = 0; i < keys; ++i)
          view.put(where, std::to_string(i), std::to_string(index));
      },
      at(index)));
    store->flush_due(now += options.max_age);
  }
  stop = true;
  for (auto& x : readers)
    x.join();
  CAF_CHECK_EQUAL(torn, 0);
  CAF_CHECK_EQUAL(ahead, 0);
  CAF_CHECK_EQUAL(failed, 0);
  CAF_CHECK(store->flush_now());
}

CAF_TEST_FIXTURE_SCOPE_END()

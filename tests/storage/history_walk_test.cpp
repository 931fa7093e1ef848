// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/history_walk.hpp"

#include "runtime/task/task_state.hpp"
#include "tests/storage/random_entries.hpp"
#include "tests/support/seeds.hpp"

#include <caf/test/unit_test.hpp>

#include <algorithm>
#include <random>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

struct fixture {
  /// A task of *product* that was cancelled at once.
  task_id ended(const std::string& product = "p") {
    auto id = waiting(product);
    machine.cancel(test::machine::ref(id));
    return id;
  }

  task_id waiting(const std::string& product = "p") {
    return test::machine::key(machine.submit(machine.item_of(product)).id());
  }

  history_step step(history_walk& walk) {
    return machine.read(
      [&](const table_view& view) { return walk.step(view, machine.now_ms); });
  }

  test::machine machine;
};

history_limits limits(size_t max_rows, size_t max_ids) {
  return {10s, max_rows, max_ids};
}

using ids = std::vector<task_id>;

} // namespace

CAF_TEST_FIXTURE_SCOPE(history_walk_tests, fixture)

CAF_TEST(without tasks a walk ends at once) {
  history_walk walk{limits(10, 10)};
  for (auto i = 0; i < 3; ++i) {
    auto found = step(walk);
    CAF_CHECK(found.finished);
    CAF_CHECK(found.due.empty());
  }
}

CAF_TEST(tasks are due when their time has come) {
  auto x = ended();
  machine.now_ms += 9'999;
  history_walk walk{limits(10, 10)};
  auto early = step(walk);
  CAF_CHECK(early.finished && early.due.empty());
  machine.now_ms += 1;
  auto late = step(walk);
  CAF_CHECK(late.finished);
  CAF_CHECK(late.due == ids{x});
}

CAF_TEST(what has not ended is passed over and so is what ended just now) {
  ids due;
  for (auto i = 0; i < 3; ++i) {
    waiting();
    due.push_back(ended());
  }
  auto late = waiting();
  machine.now_ms += 10'000;
  machine.cancel(test::machine::ref(late));
  history_walk walk{limits(100, 100)};
  auto found = step(walk);
  CAF_CHECK(found.finished);
  CAF_CHECK(found.due == due);
}

CAF_TEST(a step is bounded and the next one goes on) {
  ids due;
  for (auto i = 0; i < 10; ++i)
    due.push_back(ended(i % 2 ? "p" : "q"));
  std::sort(due.begin(), due.end());
  machine.now_ms += 10'000;
  for (auto max_ids : {1u, 3u, 10u}) {
    history_walk walk{limits(100, max_ids)};
    ids all;
    for (auto finished = false; !finished;) {
      auto found = step(walk);
      CAF_CHECK(found.due.size() <= max_ids);
      all.insert(all.end(), found.due.begin(), found.due.end());
      finished = found.finished;
    }
    CAF_CHECK(all == due);
  }
}

CAF_TEST(many old tasks that have not ended neither stall nor hide others) {
  for (auto i = 0; i < 50; ++i)
    waiting();
  ended();
  machine.now_ms += 10'000;
  history_walk walk{limits(20, 10)};
  auto steps = 1;
  for (auto found = step(walk); found.due.empty(); found = step(walk)) {
    CAF_REQUIRE(!found.finished);
    ++steps;
  }
  CAF_CHECK_EQUAL(steps, 3);
}

CAF_TEST(the new tasks of a product cost nothing and hide no other product) {
  auto old = ended("q");
  machine.now_ms += 5'000;
  for (auto i = 0; i < 50; ++i)
    ended("p"); // The number of p is the higher one; q has new ones as well.
  for (auto i = 0; i < 50; ++i)
    ended("q");
  auto last = ended("r");
  machine.now_ms += 5'000;
  history_walk walk{limits(10, 10)};
  auto found = step(walk);
  // One row of each product that is too new, and the old one.
  CAF_CHECK(found.finished);
  CAF_CHECK(found.due == ids{old});
  machine.now_ms += 5'000;
  history_walk patient{limits(1'000, 1'000)};
  auto all = step(patient);
  CAF_CHECK_EQUAL(all.due.size(), 102u);
  CAF_CHECK(all.due.back() == last);
}

CAF_TEST(a walk begins anew when it is told to) {
  auto x = ended();
  auto y = ended();
  machine.now_ms += 10'000;
  history_walk walk{limits(10, 1)};
  CAF_CHECK(step(walk).due == ids{x});
  walk.restart();
  CAF_CHECK(step(walk).due == ids{x});
  CAF_CHECK(step(walk).due == ids{y});
}

CAF_TEST(a walk finds what a look at every row finds) {
  for (auto seed : test::seeds(60)) {
    CAF_MESSAGE("seed " << seed);
    test::machine aut;
    test::random_entries random{seed, aut};
    for (uint64_t i = 1; i <= 60; ++i)
      aut.apply(i, random.next());
    std::minstd_rand rng{seed};
    history_limits xs{std::chrono::milliseconds{rng() % 60'000}, 1 + rng() % 9,
                      1 + rng() % 5};
    ids expected;
    ids found;
    aut.read([&](const table_view& view) {
      auto now = state_time_ms(view);
      for_each_task(view, {}, 0, [&](const task_id& id, auto& row) {
        if (has_ended(row.state()) && row.changed_ms() + xs.keep.count() <= now)
          expected.push_back(id);
        return true;
      });
      history_walk walk{xs};
      for (auto finished = false; !finished;) {
        auto x = walk.step(view, now);
        finished = x.finished;
        found.insert(found.end(), x.due.begin(), x.due.end());
        test::demand(x.due.size() <= xs.max_ids, "a step is bounded");
      }
      return 0;
    });
    CAF_REQUIRE(found == expected);
  }
}

CAF_TEST_FIXTURE_SCOPE_END()

CAF_TEST(the pause between walks is a small part of what is kept) {
  CAF_CHECK_EQUAL(history_pause(1s).count(), 1'000);
  CAF_CHECK_EQUAL(history_pause(100s).count(), 10'000);
  CAF_CHECK_EQUAL(history_pause(24h * 7).count(), 60'000);
  CAF_CHECK_EQUAL(history_pause(0s).count(), 1'000);
}

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/slot_pool.hpp"

#include <caf/test/unit_test.hpp>

#include <atomic>
#include <thread>
#include <vector>

using namespace coppice;

CAF_TEST(one user offers all that is free) {
  slot_pool x{3};
  x.join();
  CAF_CHECK_EQUAL(x.share().free, 3u);
  CAF_CHECK(x.take(1));
  CAF_CHECK_EQUAL(x.share().free, 2u);
  CAF_CHECK(x.take(1) && x.take(1));
  CAF_CHECK(!x.take(1));
  CAF_CHECK_EQUAL(x.share().free, 0u);
  x.give_back(1);
  CAF_CHECK_EQUAL(x.share().free, 1u);
}

CAF_TEST(several users share but each offers one while one is free) {
  slot_pool x{5};
  for (auto i = 0; i < 3; ++i)
    x.join();
  CAF_CHECK_EQUAL(x.share().free, 2u);
  for (auto i = 0; i < 4; ++i)
    CAF_CHECK(x.take(1));
  CAF_CHECK_EQUAL(x.share().free, 1u);
  CAF_CHECK(x.take(1));
  CAF_CHECK_EQUAL(x.share().free, 0u);
}

CAF_TEST(several slots are taken together or not at all) {
  slot_pool x{5};
  x.join();
  x.join();
  CAF_CHECK(x.take(3));
  CAF_CHECK(!x.take(3));
  CAF_CHECK_EQUAL(x.share().idle, 2u);
  CAF_CHECK_EQUAL(x.share().free, 1u);
  CAF_CHECK_EQUAL(x.share().total, 5u);
  x.give_back(3);
  CAF_CHECK(x.take(5));
}

CAF_TEST(no slot is taken twice) {
  slot_pool x{4};
  std::atomic<int> held{0};
  std::atomic<int> most{0};
  auto work = [&] {
    for (auto i = 0; i < 5'000; ++i) {
      if (!x.take(1))
        continue;
      auto now = ++held;
      for (auto seen = most.load(); now > seen;)
        if (most.compare_exchange_weak(seen, now))
          break;
      --held;
      x.give_back(1);
    }
  };
  std::vector<std::thread> threads;
  for (auto i = 0; i < 8; ++i)
    threads.emplace_back(work);
  for (auto& thread : threads)
    thread.join();
  CAF_CHECK(most <= 4);
  x.join();
  CAF_CHECK_EQUAL(x.share().free, 4u);
}

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
  CAF_CHECK_EQUAL(x.share(), 3u);
  CAF_CHECK(x.take());
  CAF_CHECK_EQUAL(x.share(), 2u);
  CAF_CHECK(x.take() && x.take());
  CAF_CHECK(!x.take());
  CAF_CHECK_EQUAL(x.share(), 0u);
  x.give_back();
  CAF_CHECK_EQUAL(x.share(), 1u);
}

CAF_TEST(several users share but each offers one while one is free) {
  slot_pool x{5};
  for (auto i = 0; i < 3; ++i)
    x.join();
  CAF_CHECK_EQUAL(x.share(), 2u);
  for (auto i = 0; i < 4; ++i)
    CAF_CHECK(x.take());
  CAF_CHECK_EQUAL(x.share(), 1u);
  CAF_CHECK(x.take());
  CAF_CHECK_EQUAL(x.share(), 0u);
}

CAF_TEST(no slot is taken twice) {
  slot_pool x{4};
  std::atomic<int> held{0};
  std::atomic<int> most{0};
  auto work = [&] {
    for (auto i = 0; i < 5'000; ++i) {
      if (!x.take())
        continue;
      auto now = ++held;
      for (auto seen = most.load(); now > seen;)
        if (most.compare_exchange_weak(seen, now))
          break;
      --held;
      x.give_back();
    }
  };
  std::vector<std::thread> threads;
  for (auto i = 0; i < 8; ++i)
    threads.emplace_back(work);
  for (auto& thread : threads)
    thread.join();
  CAF_CHECK(most <= 4);
  x.join();
  CAF_CHECK_EQUAL(x.share(), 4u);
}

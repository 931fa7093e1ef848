// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/worker_credit.hpp"

#include "tests/support/seeds.hpp"

#include <caf/test/unit_test.hpp>

#include <deque>
#include <random>

using namespace coppice;

CAF_TEST(who never pulled gets nothing) {
  worker_credit credit;
  CAF_CHECK_EQUAL(credit.available().free, 0u);
}

CAF_TEST(what was sent is subtracted until a pull has seen it) {
  worker_credit credit;
  credit.pulled(5, 0);
  CAF_CHECK_EQUAL(credit.send(2), 1u);
  CAF_CHECK_EQUAL(credit.send(1), 2u);
  CAF_CHECK_EQUAL(credit.available().free, 2u);
  credit.pulled(3, 1); // Has seen the first.
  CAF_CHECK_EQUAL(credit.available().free, 2u);
  credit.pulled(2, 2);
  CAF_CHECK_EQUAL(credit.available().free, 2u);
}

CAF_TEST(a repeated pull makes no slots) {
  worker_credit credit;
  credit.pulled(3, 0);
  credit.send(3);
  credit.pulled(3, 0);
  CAF_CHECK_EQUAL(credit.available().free, 0u);
}

CAF_TEST(a pull that offers less than is under way leaves nothing) {
  worker_credit credit;
  credit.pulled(4, 0);
  credit.send(4);
  credit.pulled(1, 0);
  CAF_CHECK_EQUAL(credit.available().free, 0u);
  credit.pulled(1, 1);
  CAF_CHECK_EQUAL(credit.available().free, 1u);
}

CAF_TEST(numbers go on behind those of an earlier leader) {
  worker_credit credit;
  credit.pulled(4, 41);
  CAF_CHECK_EQUAL(credit.send(1), 42u);
}

CAF_TEST(no order of messages gives a worker more than its slots) {
  for (auto seed : test::seeds(2'000)) { // COPPICE_SEED=<n> replays one.
    std::mt19937_64 rng{seed};
    constexpr uint32_t slots = 8;
    worker_credit credit;
    uint32_t busy = 0;
    uint64_t seen = 0;
    std::deque<std::pair<uint64_t, uint32_t>> to_worker;
    std::deque<std::pair<uint32_t, uint64_t>> to_leader;
    auto within = true;
    for (auto i = 0; i < 200; ++i) {
      switch (rng() % 5) {
        case 0:
          to_leader.emplace_back(slots - busy, seen);
          break;
        case 1:
          if (!to_leader.empty()) {
            credit.pulled(to_leader.front().first, to_leader.front().second);
            to_leader.pop_front();
          }
          break;
        case 2:
          if (auto n = credit.available().free; n > 0) {
            auto some = static_cast<uint32_t>(1 + rng() % n);
            to_worker.emplace_back(credit.send(some), some);
          }
          break;
        case 3:
          if (!to_worker.empty()) {
            seen = to_worker.front().first;
            busy += to_worker.front().second;
            to_worker.pop_front();
          }
          break;
        default:
          busy -= busy > 0 ? 1 : 0;
      }
      within = within && busy <= slots;
    }
    if (!within)
      CAF_ERROR("more than its slots, seed " << seed);
  }
}

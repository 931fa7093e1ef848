// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/retry_policy.hpp"

#include "tests/support/seeds.hpp"

#include <caf/test/unit_test.hpp>

#include <chrono>
#include <limits>
#include <random>
#include <set>

using namespace coppice;
using namespace std::chrono_literals;

using std::chrono::milliseconds;

CAF_TEST(the pause doubles up to its limit) {
  retry_rule rule{10, 1s, 60s, {}};
  auto full = 1s;
  for (uint32_t tries = 1; tries <= 20; ++tries) {
    for (uint64_t n = 1; n <= 100; ++n) {
      auto pause = backoff(rule, tries, {1, 1, n});
      CAF_CHECK(pause >= full / 2 && pause <= full);
    }
    full = std::min(full * 2, 60s);
  }
}

CAF_TEST(tasks that failed together come back apart) {
  retry_rule rule{10, 60s, 60s, {}};
  std::set<milliseconds> pauses;
  for (uint64_t n = 1; n <= 1'000; ++n)
    pauses.insert(backoff(rule, 1, {1, 1, n}));
  CAF_CHECK(pauses.size() > 900);
  CAF_CHECK(*pauses.begin() < 31s);
  CAF_CHECK(*pauses.rbegin() > 59s);
}

CAF_TEST(every replica of every version computes the same) {
  // Part of the replicated state machine: these must never change.
  retry_rule rule{10, 1s, 60s, {}};
  CAF_CHECK_EQUAL(backoff(rule, 1, {1, 1, 1}).count(), 933);
  CAF_CHECK_EQUAL(backoff(rule, 2, {1, 1, 1}).count(), 1'461);
  CAF_CHECK_EQUAL(backoff(rule, 3, {7, 2, 1'000'000}).count(), 3'431);
}

CAF_TEST(no input leads out of bounds) {
  for (auto seed : test::seeds(5'000)) { // COPPICE_SEED=<n> replays one.
    std::mt19937_64 rng{seed};
    auto wild = [&] {
      auto x = static_cast<int64_t>(rng() >> (rng() % 64));
      return milliseconds{rng() % 4 == 0 ? -x : x};
    };
    retry_rule rule{static_cast<uint32_t>(rng()), wild(), wild(), {}};
    auto tries = static_cast<uint32_t>(rng() >> (32 + rng() % 32));
    task_id id{static_cast<uint32_t>(rng()), static_cast<uint32_t>(rng()),
               rng()};
    auto pause = backoff(rule, tries, id);
    auto longest = std::max(rule.max_backoff, 0ms);
    if (pause < 0ms || pause > longest || pause != backoff(rule, tries, id))
      CAF_FAIL("seed " << seed);
    // Without jitter pauses never shrink: with it not below a half.
    if (tries > 0 && tries < 100 && rule.backoff > 1ms) {
      auto next = backoff(rule, tries + 1, id);
      auto base = std::min(rule.backoff, longest);
      if (pause < base / 2 || next < base / 2 || next < pause / 2)
        CAF_FAIL("seed " << seed);
    }
  }
}

CAF_TEST(an attempt is followed by another until they are used up) {
  retry_rule rule{3, 1s, 60s, {}};
  task_id id{1, 1, 1};
  for (uint32_t tries : {1, 2}) {
    auto x = decide_retry(rule, tries, "exit_1", id);
    CAF_CHECK(x.again);
    CAF_CHECK(x.delay == backoff(rule, tries, id));
  }
  for (uint32_t tries : {3u, 4u, std::numeric_limits<uint32_t>::max()})
    CAF_CHECK(decide_retry(rule, tries, "exit_1", id)
              == (retry_decision{false, 0ms, proto::ATTEMPTS_EXHAUSTED}));
}

CAF_TEST(an attempt that never started is repeated at once) {
  retry_rule rule{1, 1s, 60s, {}};
  auto x = decide_retry(rule, 0, "", {1, 1, 1});
  CAF_CHECK(x.again && x.delay == 0ms);
}

CAF_TEST(a final error ends the task at once) {
  retry_rule rule{3, 1s, 60s, {"exit_2", ""}};
  CAF_CHECK(decide_retry(rule, 1, "exit_2", {1, 1, 1})
            == (retry_decision{false, 0ms, proto::FINAL_ERROR}));
  CAF_CHECK(decide_retry(rule, 3, "exit_2", {1, 1, 1}).reason
            == proto::FINAL_ERROR);
  CAF_CHECK(decide_retry(rule, 1, "exit_22", {1, 1, 1}).again);
  CAF_CHECK(decide_retry(rule, 1, "", {1, 1, 1}).again);
}

CAF_TEST(a rule without attempts allows the one there was) {
  CAF_CHECK(!decide_retry({0, 1s, 60s, {}}, 1, "", {1, 1, 1}).again);
}

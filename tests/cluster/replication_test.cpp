// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/cluster/chaos.hpp"
#include "tests/cluster/seed_count.hpp"
#include "tests/support/seeds.hpp"

#include <caf/test/unit_test.hpp>

using namespace coppice;

namespace {

/// Runs chaos with many seeds; `COPPICE_SEED=<n>` replays one.
void run_chaos(uint64_t members, uint32_t seeds, uint64_t newcomers = 0) {
  size_t acknowledged = 0;
  size_t installs = 0;
  size_t changes = 0;
  test::milliseconds longest{0};
  for (auto seed : test::seeds(test::seed_count(seeds))) {
    test::chaos aut{seed, members, newcomers};
    auto x = aut.run(test::milliseconds{6'000});
    acknowledged += x.acknowledged;
    installs += x.installs;
    changes += x.membership_changes;
    longest = std::max(longest, x.healing);
    if (!x.violation.empty())
      CAF_ERROR("COPPICE_SEED=" << seed << ", " << members
                                << " members: " << x.violation);
  }
  CAF_MESSAGE(acknowledged << " ops acknowledged, " << installs
                           << " snapshots installed, " << changes
                           << " changes of members, healed within "
                           << longest.count() << " ms");
  if (test::replays())
    return;
  CAF_CHECK(acknowledged > 0);
  CAF_CHECK_EQUAL(installs > 0, members > 1);
  CAF_CHECK_EQUAL(changes > 0, newcomers > 0);
}

} // namespace

CAF_TEST(one member keeps what it acknowledged) {
  run_chaos(1, 400);
}

CAF_TEST(three members agree whatever happens) {
  run_chaos(3, 3000);
}

CAF_TEST(five members agree whatever happens) {
  run_chaos(5, 1000);
}

CAF_TEST(members agree whatever happens while they come and go) {
  run_chaos(3, 1000, 2);
}

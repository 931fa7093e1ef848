// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/cluster/cluster_chaos.hpp"
#include "tests/cluster/seed_count.hpp"
#include "tests/support/seeds.hpp"

#include <caf/test/unit_test.hpp>

using namespace coppice;

namespace {

test::cluster_chaos_result run_one(uint32_t seed, uint64_t newcomers) {
  return test::cluster_chaos{seed, newcomers}.run(test::milliseconds{3'000});
}

/// Runs chaos with many seeds; `COPPICE_SEED=<n>` replays one.
void run_chaos(uint32_t seeds, uint64_t newcomers = 0) {
  test::cluster_chaos_result all;
  for (auto seed : test::seeds(test::seed_count(seeds))) {
    auto x = run_one(seed, newcomers);
    all.answered += x.answered;
    all.moved += x.moved;
    all.crashes += x.crashes;
    all.installs += x.installs;
    all.membership_changes += x.membership_changes;
    all.lead_moves += x.lead_moves;
    all.healing = std::max(all.healing, x.healing);
    if (!x.violation.empty())
      CAF_ERROR("COPPICE_SEED=" << seed << ": " << x.violation);
  }
  CAF_MESSAGE(all.answered << " tasks accepted, " << all.moved
                           << " submits sent on, " << all.crashes
                           << " crashes, " << all.installs
                           << " snapshots installed, " << all.membership_changes
                           << " changes of members, " << all.lead_moves
                           << " leads handed over, healed within "
                           << all.healing.count() << " ms");
  if (test::replays())
    return;
  CAF_CHECK(all.answered > 0);
  CAF_CHECK(all.moved > 0);
  CAF_CHECK(all.crashes > 0);
  CAF_CHECK(all.installs > 0);
  CAF_CHECK(all.lead_moves > 0);
  CAF_CHECK_EQUAL(all.membership_changes > 0, newcomers > 0);
}

} // namespace

CAF_TEST(no key is accepted twice whatever happens to machines and products) {
  run_chaos(400);
}

CAF_TEST(no key is accepted twice while replicas come and go) {
  run_chaos(200, 1);
}

CAF_TEST(equal seeds give equal runs) {
  for (uint32_t seed = 1; seed <= 3; ++seed)
    CAF_CHECK(run_one(seed, 1) == run_one(seed, 1));
}

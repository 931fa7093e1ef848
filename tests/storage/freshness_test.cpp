// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/consensus/freshness.hpp"

#include <caf/test/unit_test.hpp>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

struct fixture {
  freshness::time_point begin{1h};
  freshness aut;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(freshness_tests, fixture)

CAF_TEST(who never heard of a leader does not know how old its tables are) {
  CAF_CHECK(!aut.complete_at());
  aut.applied(7);
  CAF_CHECK(!aut.complete_at());
}

CAF_TEST(tables that lack nothing are as new as the last word of the leader) {
  aut.applied(7);
  aut.told(7, begin);
  CAF_CHECK(aut.complete_at() == begin);
  aut.told(5, begin + 1s); // Of a log that this member knows to be longer.
  CAF_CHECK(aut.complete_at() == begin + 1s);
}

CAF_TEST(tables that lag are as old as the word that they have caught up with) {
  aut.told(0, begin);
  aut.told(10, begin + 1s);
  aut.told(20, begin + 2s);
  aut.applied(9);
  CAF_CHECK(aut.complete_at() == begin);
  aut.applied(15);
  CAF_CHECK(aut.complete_at() == begin + 1s);
  aut.told(30, begin + 3s);
  aut.applied(30);
  CAF_CHECK(aut.complete_at() == begin + 3s);
}

CAF_TEST_FIXTURE_SCOPE_END()

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/ageing/ageing_watch.hpp"

#include <caf/test/unit_test.hpp>

#include <vector>

using namespace coppice;

namespace {

using seconds = ageing_watch::seconds;

struct fixture {
  void measure(double memory, double limit = 1'000) {
    std::vector<vital_measure> xs{{"memory", "B", memory, limit, 0},
                                  {"threads", "", 7, 0, 0}};
    watch.add(seconds{static_cast<double>(++now)}, xs);
  }

  proto::Vital look(int index = 0) const {
    google::protobuf::RepeatedPtrField<proto::Vital> out;
    watch.describe(out);
    CAF_REQUIRE(out.size() > index);
    return out.Get(index);
  }

  static ageing_limits quick() {
    ageing_limits x;
    x.growth.warm_up = seconds{5};
    x.growth.bucket = seconds{1};
    return x;
  }

  ageing_watch watch{quick()};
  int now = 0;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(ageing_watch_tests, fixture)

CAF_TEST(what was measured last is told) {
  measure(100);
  measure(120);
  auto memory = look();
  CAF_CHECK_EQUAL(memory.name(), "memory");
  CAF_CHECK_EQUAL(memory.unit(), "B");
  CAF_CHECK_EQUAL(memory.value(), 120);
  CAF_CHECK_EQUAL(memory.limit(), 1'000);
  CAF_CHECK(!memory.worn());
  auto threads = look(1);
  CAF_CHECK_EQUAL(threads.name(), "threads");
}

CAF_TEST(growth that ends at the limit is wear long before) {
  for (auto i = 0; i < 90 && (i == 0 || !look().worn()); ++i)
    measure(100 + 10 * i);
  CAF_CHECK(look().worn());
  CAF_CHECK(look().value() < 730);
  CAF_CHECK(look().growth_per_hour() > 0);
  CAF_CHECK(look().left_s() > 0);
}

CAF_TEST(what stays as it is does not wear) {
  for (auto i = 0; i < 500; ++i)
    measure(500 + i % 7);
  CAF_CHECK(!look().worn());
}

CAF_TEST(a limit counts when it is reached for a while) {
  for (auto i = 0; i < 4; ++i)
    measure(960);
  CAF_CHECK(!look().worn());
  measure(100);
  for (auto i = 0; i < 5; ++i)
    measure(960);
  CAF_CHECK(look().worn());
  CAF_CHECK_EQUAL(look().growth_per_hour(), 0);
}

CAF_TEST(what has no limit is never worn) {
  for (auto i = 0; i < 100; ++i)
    measure(100.0 * i, 0);
  CAF_CHECK(!look().worn());
}

CAF_TEST_FIXTURE_SCOPE_END()

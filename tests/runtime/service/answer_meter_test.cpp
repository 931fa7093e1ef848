// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/service/answer_meter.hpp"

#include <caf/test/unit_test.hpp>

using namespace coppice;
using namespace std::chrono_literals;

CAF_TEST(the median is told to a fifth) {
  answer_meter x;
  for (auto i = 1; i <= 99; ++i)
    x.add(i * 1ms);
  x.add(10min);
  CAF_CHECK_EQUAL(x.count(), 100u);
  auto all = x.take();
  CAF_CHECK_EQUAL(all.count, 100u);
  CAF_CHECK(std::abs(all.median_ms - 50) < 10);
}

CAF_TEST(what was taken is gone) {
  answer_meter x;
  x.add(1s);
  x.take();
  CAF_CHECK_EQUAL(x.count(), 0u);
  auto rest = x.take();
  CAF_CHECK_EQUAL(rest.count, 0u);
  CAF_CHECK_EQUAL(rest.median_ms, 0.0);
}

CAF_TEST(no time is too short or too long) {
  answer_meter x;
  x.add(-1s);
  x.add(0s);
  CAF_CHECK(x.take().median_ms < 0.1);
  x.add(24h * 365);
  CAF_CHECK(x.take().median_ms > 1'000'000);
}

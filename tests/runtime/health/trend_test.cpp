// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/ageing/trend.hpp"

#include <caf/test/unit_test.hpp>

#include <cmath>
#include <random>

using namespace coppice;

namespace {

/// How often series of noise with a memory score above *score*.
double share_above(double score, double memory) {
  std::mt19937_64 random{4711};
  std::normal_distribution<double> normal;
  auto above = 0;
  constexpr auto series = 2'000;
  for (auto n = 0; n < series; ++n) {
    std::vector<double> xs;
    auto x = normal(random);
    for (auto i = 0; i < 40; ++i) {
      x = memory * x + std::sqrt(1 - memory * memory) * normal(random);
      xs.push_back(x);
    }
    above += trend_score(xs, sen_slope(xs)) > score ? 1 : 0;
  }
  return static_cast<double>(above) / series;
}

} // namespace

CAF_TEST(the median is in the middle) {
  CAF_CHECK_EQUAL(median({}), 0.0);
  CAF_CHECK_EQUAL(median({3, 1, 2}), 2.0);
  CAF_CHECK_EQUAL(median({4, 1, 2, 3}), 2.5);
}

CAF_TEST(outliers do not move the slope) {
  std::vector<double> xs;
  for (auto i = 0; i < 30; ++i)
    xs.push_back(i % 7 == 3 ? 1'000 : 2.0 * i);
  CAF_CHECK(std::abs(sen_slope(xs) - 2) < 0.01);
  CAF_CHECK_EQUAL(sen_slope({}), 0.0);
}

CAF_TEST(the score is that of Mann and Kendall for independent numbers) {
  // Ten numbers in order: S = 45, variance 10 * 9 * 25 / 18 = 125.
  std::vector<double> xs{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  CAF_CHECK(std::abs(trend_score(xs, sen_slope(xs)) - 44 / std::sqrt(125.0))
            < 1e-9);
  std::vector<double> falls{10, 9, 8, 7, 6, 5, 4, 3, 2, 1};
  CAF_CHECK(trend_score(falls, sen_slope(falls)) < -3);
  std::vector<double> same(10, 1.0);
  CAF_CHECK_EQUAL(trend_score(same, 0), 0.0);
}

CAF_TEST(neighbours that resemble each other make it less sure) {
  // Of independent numbers one series in forty is above 1.96.
  CAF_CHECK(share_above(1.96, 0) < 0.04);
  // Without the correction this would be one in five.
  CAF_CHECK(share_above(1.96, 0.6) < 0.11);
}

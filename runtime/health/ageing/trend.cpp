// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/ageing/trend.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

namespace coppice {

namespace {

/// An autocorrelation counts if chance exceeds it in one case of twenty.
constexpr double significance = 1.96;

std::vector<double> ranks(const std::vector<double>& xs) {
  std::vector<size_t> order(xs.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return xs[a] < xs[b]; });
  std::vector<double> result(xs.size());
  for (size_t i = 0; i < order.size();) {
    auto end = i + 1;
    while (end < order.size() && xs[order[end]] == xs[order[i]])
      ++end;
    for (auto j = i; j < end; ++j) // Equal numbers share their mean rank.
      result[order[j]] = static_cast<double>(i + end - 1) / 2;
    i = end;
  }
  return result;
}

/// The variance of the statistic for independent numbers, ties counted.
double plain_variance(std::span<const double> xs) {
  auto n = static_cast<double>(xs.size());
  auto result = n * (n - 1) * (2 * n + 5);
  std::vector<double> sorted(xs.begin(), xs.end());
  std::sort(sorted.begin(), sorted.end());
  for (size_t i = 0; i < sorted.size();) {
    auto end = i + 1;
    while (end < sorted.size() && sorted[end] == sorted[i])
      ++end;
    auto t = static_cast<double>(end - i);
    result -= t * (t - 1) * (2 * t + 5);
    i = end;
  }
  return result / 18;
}

/// How much more the statistic varies because neighbours resemble each other.
double inflation(std::span<const double> xs, double slope) {
  std::vector<double> rest(xs.begin(), xs.end());
  for (size_t i = 0; i < rest.size(); ++i)
    rest[i] -= slope * static_cast<double>(i);
  auto r = ranks(rest);
  auto n = static_cast<double>(r.size());
  auto mean = (n - 1) / 2;
  double all = 0;
  for (auto x : r)
    all += (x - mean) * (x - mean);
  if (all == 0)
    return 1;
  double sum = 0;
  for (size_t lag = 1; lag + 2 < r.size(); ++lag) {
    double shared = 0;
    for (size_t i = lag; i < r.size(); ++i)
      shared += (r[i] - mean) * (r[i - lag] - mean);
    auto correlation = shared / all;
    auto k = static_cast<double>(lag);
    if (std::abs(correlation) * std::sqrt(n) > significance)
      sum += (n - k) * (n - k - 1) * (n - k - 2) * correlation;
  }
  return std::max(1.0, 1 + 2 * sum / (n * (n - 1) * (n - 2)));
}

} // namespace

double median(std::vector<double> xs) {
  if (xs.empty())
    return 0;
  auto middle = xs.begin() + static_cast<std::ptrdiff_t>(xs.size() / 2);
  std::nth_element(xs.begin(), middle, xs.end());
  if (xs.size() % 2 == 1)
    return *middle;
  return (*middle + *std::max_element(xs.begin(), middle)) / 2;
}

double sen_slope(std::span<const double> xs) {
  std::vector<double> slopes;
  slopes.reserve(xs.size() * xs.size() / 2);
  for (size_t i = 0; i < xs.size(); ++i)
    for (auto j = i + 1; j < xs.size(); ++j)
      slopes.push_back((xs[j] - xs[i]) / static_cast<double>(j - i));
  return median(std::move(slopes));
}

double trend_score(std::span<const double> xs, double slope) {
  if (xs.size() < 4)
    return 0;
  double s = 0;
  for (size_t i = 0; i < xs.size(); ++i)
    for (auto j = i + 1; j < xs.size(); ++j)
      s += xs[j] > xs[i] ? 1 : xs[j] < xs[i] ? -1 : 0;
  auto variance = plain_variance(xs);
  if (s == 0 || variance <= 0)
    return 0;
  // One step towards 0: the statistic is discrete, the normal curve is not.
  return (s > 0 ? s - 1 : s + 1) / std::sqrt(variance * inflation(xs, slope));
}

} // namespace coppice

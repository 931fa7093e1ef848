// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// How good the judgement of `growth_finder` is: false alarms per 1,000
// node-days on curves of which nothing wears, and how far on its way a leak is
// found. It bounds what may be regenerated without need, and how late.
//
//   ageing [NODE-DAYS] [LEAKS] [SEED]    default 100 20 1; node-days of each
//                                        kind of curve, leaks of each kind and
//                                        speed, first seed

#include "tests/support/ageing_curves.hpp"

#include <cstdio>
#include <cstdlib>
#include <vector>

using namespace coppice;
using namespace coppice::test;

namespace {

constexpr auto hour = 3'600.0;

constexpr auto day = 24 * hour;

/// A node is looked at for two weeks, or to its first alarm.
constexpr auto life = 14 * day;

/// A leak has to be found before this part of its way.
constexpr auto goal = 0.7;

struct totals {
  double days = 0;
  uint64_t alarms = 0;
  uint64_t leaks = 0;
  uint64_t in_time = 0;
};

void judge_healthy(curve_shape shape, double days, uint64_t seed, totals& all) {
  double seen = 0;
  uint64_t alarms = 0;
  for (; seen < days; ++seed) {
    auto at = find_growth({shape, seed}, life);
    seen += (at < 0 ? life : at) / day;
    alarms += at < 0 ? 0 : 1;
  }
  std::printf("%-14s %8.0f node-days %4llu false alarms\n",
              to_string(shape).data(), seen,
              static_cast<unsigned long long>(alarms));
  std::fflush(stdout);
  all.days += seen;
  all.alarms += alarms;
}

void judge_leaks(curve_shape shape, double hours, uint64_t count, uint64_t seed,
                 totals& all) {
  uint64_t in_time = 0;
  double sum = 0;
  double worst = 0;
  auto end = hours * hour;
  for (uint64_t i = 0; i < count; ++i) {
    auto at = find_growth({shape, seed + i, end}, end);
    auto part = at < 0 ? 1 : at / end;
    in_time += part <= goal ? 1 : 0;
    sum += part;
    worst = std::max(worst, part);
  }
  std::printf("%-14s full after %4.0f h: found at %.2f of the way, worst %.2f; "
              "%llu of %llu before %.2f\n",
              to_string(shape).data(), hours, sum / static_cast<double>(count),
              worst, static_cast<unsigned long long>(in_time),
              static_cast<unsigned long long>(count), goal);
  std::fflush(stdout);
  all.leaks += count;
  all.in_time += in_time;
}

uint64_t argument(int argc, char** argv, int i, uint64_t otherwise) {
  return argc > i ? std::strtoull(argv[i], nullptr, 10) : otherwise;
}

} // namespace

int main(int argc, char** argv) {
  auto days = static_cast<double>(argument(argc, argv, 1, 100));
  auto leaks = argument(argc, argv, 2, 20);
  auto seed = argument(argc, argv, 3, 1);
  totals all;
  for (auto shape : all_shapes)
    judge_healthy(shape, days, seed, all);
  for (auto shape : all_shapes)
    for (auto hours : {2.0, 4.0, 8.0, 24.0, 96.0, 24.0 * 30})
      judge_leaks(shape, hours, leaks, seed, all);
  auto rate = 1'000 * static_cast<double>(all.alarms) / all.days;
  std::printf("in all: %.2f false alarms per 1,000 node-days (%llu in %.0f), "
              "%llu of %llu leaks before %.2f of the way\n",
              rate, static_cast<unsigned long long>(all.alarms), all.days,
              static_cast<unsigned long long>(all.in_time),
              static_cast<unsigned long long>(all.leaks), goal);
  return 0;
}

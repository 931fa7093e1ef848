// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// How good the judgement of `growth_finder` and `latency_watch` is: false
// alarms per 1,000 node-days on curves of which nothing wears, and how far on
// its way a leak is found; and what they say of recordings of real programs
// (bench/record-traces). It bounds what may be regenerated without need, and
// how late.
//
//   ageing [NODE-DAYS] [LEAKS] [SEED]    default 100 20 1; node-days of each
//                                        kind of curve, leaks of each kind and
//                                        speed, first seed
//
// The rules were made with seeds below 1,000,000, and with none of the
// recordings: only the others, from 1,000,000 on, say how good they are.

#include "tests/support/ageing_curves.hpp"
#include "tests/support/ageing_traces.hpp"
#include "tests/support/latency_curves.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

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

/// @param find Returns when a curve counts as worn, in seconds; less than 0:
///             never until its end.
template <class Find>
void judge_healthy(std::string_view name, double days, uint64_t seed,
                   totals& all, Find find) {
  double seen = 0;
  uint64_t alarms = 0;
  for (; seen < days; ++seed) {
    auto at = find(seed);
    seen += (at < 0 ? life : at) / day;
    alarms += at < 0 ? 0 : 1;
  }
  std::printf("%-14s %8.0f node-days %4llu false alarms\n", name.data(), seen,
              static_cast<unsigned long long>(alarms));
  std::fflush(stdout);
  all.days += seen;
  all.alarms += alarms;
}

template <class Find>
void judge_leaks(std::string_view name, double hours, uint64_t count,
                 uint64_t seed, totals& all, Find find) {
  uint64_t in_time = 0;
  double sum = 0;
  double worst = 0;
  auto end = hours * hour;
  for (uint64_t i = 0; i < count; ++i) {
    auto at = find(seed + i, end);
    auto part = at < 0 ? 1 : at / end;
    in_time += part <= goal ? 1 : 0;
    sum += part;
    worst = std::max(worst, part);
  }
  std::printf("%-14s full after %4.0f h: found at %.2f of the way, worst %.2f; "
              "%llu of %llu before %.2f\n",
              name.data(), hours, sum / static_cast<double>(count), worst,
              static_cast<unsigned long long>(in_time),
              static_cast<unsigned long long>(count), goal);
  std::fflush(stdout);
  all.leaks += count;
  all.in_time += in_time;
}

void show(const totals& x) {
  auto rate = 1'000 * static_cast<double>(x.alarms) / x.days;
  std::printf("in all: %.2f false alarms per 1,000 node-days (%llu in %.0f), "
              "%llu of %llu leaks before %.2f of the way\n\n",
              rate, static_cast<unsigned long long>(x.alarms), x.days,
              static_cast<unsigned long long>(x.in_time),
              static_cast<unsigned long long>(x.leaks), goal);
}

void judge_sizes(double days, uint64_t leaks, uint64_t seed) {
  std::printf("memory, files: curves of what a process has\n");
  totals all;
  for (auto shape : all_shapes)
    judge_healthy(to_string(shape), days, seed, all, [&](uint64_t i) {
      return find_growth({shape, i}, life);
    });
  for (auto shape : all_shapes)
    for (auto hours : {2.0, 4.0, 8.0, 24.0, 96.0, 24.0 * 30})
      judge_leaks(to_string(shape), hours, leaks, seed, all,
                  [&](uint64_t i, double end) {
                    return find_growth({shape, i, end}, end);
                  });
  show(all);
}

void judge_latency(double days, uint64_t leaks, uint64_t seed) {
  std::printf("latency: curves of how long answers take\n");
  totals all;
  for (auto shape : all_latency_shapes)
    judge_healthy(to_string(shape), days, seed, all, [&](uint64_t i) {
      return find_slowing({shape, i}, life);
    });
  for (auto shape : all_latency_shapes)
    for (auto hours : {4.0, 8.0, 24.0, 96.0, 24.0 * 30})
      judge_leaks(to_string(shape), hours, leaks, seed, all,
                  [&](uint64_t i, double end) {
                    return find_slowing({shape, i, end}, end);
                  });
  show(all);
}

void judge_traces() {
  std::printf("recordings of real programs\n");
  for (auto& x : read_traces(COPPICE_TRACES)) {
    auto finding = judge_trace(x);
    std::string worn;
    for (auto& name : finding.worn)
      worn += (worn.empty() ? "" : ", ") + name;
    std::printf("%-14s uses up %s", x.name.c_str(), x.wears.c_str());
    if (worn.empty())
      std::printf(": nothing found\n");
    else
      std::printf(": found %s at %.2f of the way\n", worn.c_str(),
                  finding.part);
  }
}

uint64_t argument(int argc, char** argv, int i, uint64_t otherwise) {
  return argc > i ? std::strtoull(argv[i], nullptr, 10) : otherwise;
}

} // namespace

int main(int argc, char** argv) {
  auto days = static_cast<double>(argument(argc, argv, 1, 100));
  auto leaks = argument(argc, argv, 2, 20);
  auto seed = argument(argc, argv, 3, 1);
  judge_sizes(days, leaks, seed);
  judge_latency(days, leaks, seed);
  judge_traces();
  return 0;
}

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/ageing/growth.hpp"

#include "runtime/health/ageing/trend.hpp"

#include <algorithm>
#include <cmath>
#include <span>

namespace coppice {

namespace {

/// Between the lengths of the spans.
constexpr double step = 4;

/// Each third of a series grows at least so much of what the whole does.
constexpr double least_part = 0.35;

/// Of a straight line through the load: more, and growth by load and growth by
/// wear look the same.
constexpr double most_collinear = 0.6;

/// How many new points make it worth to look again.
constexpr uint64_t review_points = 3;

/// So many of the first points say where it began, and of the last where it is.
constexpr size_t end_points = 5;

using numbers = std::span<const double>;

numbers part(numbers xs, size_t i, size_t n) {
  auto from = xs.size() * i / n;
  return xs.subspan(from, xs.size() * (i + 1) / n - from);
}

/// What load did to the floors of a window.
struct load_effect {
  /// Of the floor, for one more of load.
  double per_load = 0;
  /// How well a straight line describes the load, 0 to 1.
  double collinear = 0;
  /// The load varied enough to say something.
  bool known = false;
  bool rises = false;
};

void remove_line(std::vector<double>& xs) {
  auto n = static_cast<double>(xs.size());
  double mean = 0;
  double slope = 0;
  for (size_t i = 0; i < xs.size(); ++i) {
    mean += xs[i] / n;
    slope += (static_cast<double>(i) - (n - 1) / 2) * xs[i];
  }
  slope /= n * (n * n - 1) / 12;
  for (size_t i = 0; i < xs.size(); ++i)
    xs[i] -= mean + slope * (static_cast<double>(i) - (n - 1) / 2);
}

double square_sum(const std::vector<double>& xs) {
  double result = 0;
  for (auto x : xs)
    result += x * x;
  return result;
}

/// The coefficient of the load in a regression of the floors on load and time
/// (Frisch and Waugh 1933: of what is left of both without their lines).
load_effect find_load_effect(std::vector<double> floors,
                             std::vector<double> loads) {
  load_effect result;
  auto n = static_cast<double>(loads.size());
  double mean = 0;
  for (auto x : loads)
    mean += x / n;
  double all = 0;
  for (auto x : loads)
    all += (x - mean) * (x - mean);
  // A load that varies by less than a twentieth explains nothing.
  if (all / n <= mean * mean / 400)
    return result;
  result.known = true;
  result.rises = sen_slope(loads) > 0;
  remove_line(floors);
  remove_line(loads);
  auto rest = square_sum(loads);
  result.collinear = 1 - rest / all;
  double shared = 0;
  for (size_t i = 0; i < loads.size(); ++i)
    shared += floors[i] * loads[i];
  result.per_load = rest > 0 ? std::max(0.0, shared / rest) : 0;
  return result;
}

/// Returns whether the limit is reached also if growth slows down further as it
/// has from the first half to the second.
bool reaches(numbers xs, double last, double limit) {
  auto first = sen_slope(part(xs, 0, 2));
  auto second = sen_slope(part(xs, 1, 2));
  if (first <= 0 || second >= first)
    return true;
  auto ratio = std::max(0.0, second / first);
  auto half = second * static_cast<double>(xs.size()) / 2;
  return last + half * ratio / (1 - ratio) >= limit;
}

bool grows_throughout(numbers xs, double slope) {
  for (size_t i = 0; i < 3; ++i)
    if (sen_slope(part(xs, i, 3)) < least_part * slope)
      return false;
  return true;
}

} // namespace

void growth_finder::add(seconds at, const ageing_sample& x) {
  if (at < limits_.warm_up || !std::isfinite(x.value) || !std::isfinite(x.load))
    return;
  if (!begun_) {
    begun_ = true;
    auto width = limits_.bucket;
    for (auto& y : levels_) {
      y.width = width;
      y.open = static_cast<uint64_t>(at / width);
      width *= step;
    }
  }
  for (auto& y : levels_)
    take(y, at, x);
}

void growth_finder::take(level& to, seconds at, const ageing_sample& x) {
  auto now = static_cast<uint64_t>(at / to.width);
  if (now != to.open) {
    close(to);
    to.open = now;
  }
  auto& y = to.filling;
  y.floor = to.samples == 0 ? x.value : std::min(y.floor, x.value);
  ++to.samples;
  y.load += (x.load - y.load) / static_cast<double>(to.samples);
}

void growth_finder::close(level& x) {
  if (x.samples == 0)
    return;
  auto floor = x.filling.floor;
  x.points.push_back(x.filling);
  if (x.points.size() > most_points)
    x.points.pop_front();
  ++x.count;
  if (x.count <= end_points)
    x.first = x.count == 1 ? floor : std::min(x.first, floor);
  x.filling = {};
  x.samples = 0;
  x.highest = std::max(x.highest, floor);
  if (floor < x.highest * (1 - limits_.fall)) {
    x.harmless = std::max(x.harmless, x.highest);
    x.highest = floor;
  }
}

std::optional<std::vector<double>>
growth_finder::without_load(const level& x, size_t index) const {
  auto split = [](const level& y) {
    std::pair<std::vector<double>, std::vector<double>> result;
    for (auto& p : y.points) {
      result.first.push_back(p.floor);
      result.second.push_back(p.load);
    }
    return result;
  };
  auto [floors, loads] = split(x);
  auto effect = find_load_effect(floors, loads);
  if (!effect.known)
    return floors;
  if (effect.collinear > most_collinear) {
    // Longer spans may have seen the load come and go.
    auto told = false;
    for (auto i = index + 1; i < level_count && !told; ++i) {
      if (levels_[i].points.size() < least_points)
        break;
      auto [f, l] = split(levels_[i]);
      auto longer = find_load_effect(std::move(f), std::move(l));
      told = longer.known && longer.collinear <= most_collinear;
      if (told)
        effect.per_load = longer.per_load;
    }
    if (!told && effect.rises)
      return std::nullopt;
    if (!told)
      effect.per_load = 0;
  }
  for (size_t i = 0; i < floors.size(); ++i)
    floors[i] -= effect.per_load * (loads[i] - loads.back());
  return floors;
}

std::optional<growth> growth_finder::look(const level& x, size_t index,
                                          double limit) const {
  auto floors = without_load(x, index);
  if (!floors)
    return std::nullopt;
  numbers xs{*floors};
  auto slope = sen_slope(xs);
  if (slope <= 0)
    return std::nullopt;
  auto last = median({xs.end() - 3, xs.end()});
  auto grown = slope * static_cast<double>(xs.size() - 1);
  auto room = limit - (last - grown);
  if (grown < limits_.share * room || last <= x.harmless
      || !grows_throughout(xs, slope) || !reaches(xs, last, limit))
    return std::nullopt;
  auto score = trend_score(xs, slope);
  if (score < limits_.score)
    return std::nullopt;
  growth result;
  result.slope = slope / x.width.count();
  result.score = score;
  result.floor = last;
  result.left = seconds{std::max(0.0, limit - last) / result.slope};
  result.span = x.width * static_cast<double>(xs.size());
  return result;
}

std::optional<growth> growth_finder::look_at_room(const level& x,
                                                  double limit) const {
  if (x.count < 2 * end_points || x.first >= limit)
    return std::nullopt;
  auto least = x.first + limits_.taken * (limit - x.first);
  std::vector<double> last;
  for (auto i = x.points.size() - end_points; i < x.points.size(); ++i)
    last.push_back(x.points[i].floor);
  auto lowest = *std::min_element(last.begin(), last.end());
  if (lowest < least)
    return std::nullopt;
  growth result;
  result.floor = median(std::move(last));
  result.span = x.width * static_cast<double>(x.count);
  result.slope = (result.floor - x.first) / result.span.count();
  result.left = seconds{std::max(0.0, limit - result.floor) / result.slope};
  return result;
}

void growth_finder::review(size_t index, double limit) {
  auto& x = levels_[index];
  if (x.count < x.looked + review_points)
    return;
  x.looked = x.count;
  x.found
    = x.points.size() < least_points ? std::nullopt : look(x, index, limit);
  if (!x.found)
    x.since.reset();
  else if (!x.since)
    x.since = x.count;
  auto n = static_cast<double>(x.points.size());
  x.lasts
    = x.since
      && static_cast<double>(x.count - *x.since) >= limits_.persistence * n;
}

std::optional<growth> growth_finder::find(double limit) {
  std::optional<growth> first;
  for (size_t i = 0; i < level_count; ++i) {
    review(i, limit);
    auto& x = levels_[i];
    if (x.lasts && (!first || x.found->left < first->left))
      first = x.found;
  }
  return first ? first : look_at_room(levels_[0], limit);
}

} // namespace coppice

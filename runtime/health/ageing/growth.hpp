// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace coppice {

/// What was measured at one moment.
struct ageing_sample {
  /// Of what may run out: bytes, files, threads.
  double value = 0;
  /// How much there was to do, in any unit that is always the same: requests
  /// per second, tasks. 0 if nobody knows.
  double load = 0;
};

/// When growth counts as wear.
struct growth_limits {
  using seconds = std::chrono::duration<double>;

  /// Nothing is concluded from what came before: caches fill, pools grow.
  seconds warm_up = std::chrono::minutes{10};

  /// The shortest span that one point of a series stands for.
  seconds bucket = std::chrono::minutes{1};

  /// How surely it grows, as a standard normal deviate.
  double score = 4;

  /// The share of the room between floor and limit that it must have taken in
  /// what is looked at.
  double share = 0.25;

  /// It must look so for this part of what is looked at.
  double persistence = 0.125;

  /// The share of the room that was there at first, between floor and limit,
  /// after which growth counts whatever it looks like.
  double taken = 0.55;

  /// A floor that falls by this share of what it was has come down by itself.
  double fall = 0.05;
};

/// Something grows, and will run out.
struct growth {
  /// Per second.
  double slope = 0;
  double score = 0;
  /// The floor at the end of what was looked at, load taken out.
  double floor = 0;
  /// Until the limit is reached if it goes on like this.
  std::chrono::duration<double> left{0};
  /// How long was looked at.
  std::chrono::duration<double> span{0};

  friend bool operator==(const growth&, const growth&) = default;
};

/// Looks for growth that ends at a limit: wear, and not noise, a saw tooth, the
/// load of the day, a step or a cache that fills.
///
/// The samples become series of *floors*, the least of each span, so that what
/// is taken and given back does not count; spans of six lengths, each four
/// times the one before, so that leaks of an hour and of a month are found in
/// time by the same rule. A series says that something wears if
///  - it grows surely (`trend_score`) with the part that follows the load taken
///    out, and in each third of it: a step grows in one of them only;
///  - it took a good share of the room that there was;
///  - it reaches the limit also if it slows down as it has so far, as a cache
///    that fills does;
///  - it is higher than where it has come down from by itself before;
///  - all of that has been so for a while.
///
/// Pure: the samples bring their time along. A few kilobytes, whatever comes.
class growth_finder {
public:
  using seconds = growth_limits::seconds;

  explicit growth_finder(const growth_limits& limits = {}) : limits_(limits) {
    // nop
  }

  /// Takes a sample.
  /// @param at Since the start of what is watched; never goes back.
  void add(seconds at, const ageing_sample& x);

  /// Returns the growth that will reach *limit* first, if there is one.
  std::optional<growth> find(double limit);

private:
  static constexpr size_t level_count = 6;

  /// Length of a series: more would find nothing earlier.
  static constexpr size_t most_points = 48;

  static constexpr size_t least_points = 18;

  struct point {
    double floor = 0;
    double load = 0;
  };

  /// A series.
  struct level {
    seconds width{0};
    /// The span that is being filled, counted from the start.
    uint64_t open = 0;
    point filling;
    uint32_t samples = 0;
    std::deque<point> points;
    /// Counts the points, with those that are gone.
    uint64_t count = 0;
    /// The highest floor that it has come down from.
    double harmless = 0;
    double highest = 0;
    /// Where it began: the floor of its first points.
    double first = 0;
    /// When `find` looked last, and since when it has looked like wear.
    uint64_t looked = 0;
    std::optional<uint64_t> since;
    std::optional<growth> found;
    /// It has looked so for long enough.
    bool lasts = false;
  };

  void take(level& to, seconds at, const ageing_sample& x);

  void close(level& x);

  /// Looks at the points of a series, if there are new ones.
  void review(size_t index, double limit);

  std::optional<growth> look(const level& x, size_t index, double limit) const;

  /// Returns growth that has taken so much that its form does not matter.
  std::optional<growth> look_at_room(const level& x, double limit) const;

  /// Returns the floors of a series with the load taken out; nothing if what
  /// it did cannot be told from what the load did.
  std::optional<std::vector<double>> without_load(const level& x,
                                                  size_t index) const;

  growth_limits limits_;

  std::array<level, level_count> levels_{};

  bool begun_ = false;
};

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/ageing/growth.hpp"

#include "tests/support/ageing_curves.hpp"

#include <caf/test/unit_test.hpp>

#include <limits>

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

constexpr auto hour = 3'600.0;

/// What is found is a matter of chance: how often, `scripts/soak ageing` says.
/// With these seeds nothing is left to chance.
constexpr uint32_t fixed_seeds[] = {1, 2, 3, 4, 5, 6};

/// Adds a sample every ten seconds from *from* to *to*, in hours.
template <class F>
void feed(growth_finder& x, double from, double to, F value) {
  for (auto t = from * hour; t < to * hour; t += 10) {
    x.add(growth_finder::seconds{t}, {value(t / hour), 0});
    x.find(1);
  }
}

} // namespace

CAF_TEST(a leak is found with its slope and the time that is left) {
  growth_finder x;
  feed(x, 0, 4, [](double t) { return 0.2 + 0.1 * t; });
  auto found = x.find(1);
  CAF_REQUIRE(found);
  CAF_CHECK(std::abs(found->slope * hour - 0.1) < 0.001);
  CAF_CHECK(std::abs(found->left.count() / hour - 4) < 0.3);
  CAF_CHECK(std::abs(found->floor - 0.6) < 0.03);
}

CAF_TEST(a leak is found before seven tenths of its way) {
  for (auto shape : all_shapes)
    for (auto hours : {3.0, 12.0, 48.0})
      for (auto seed : fixed_seeds) {
        auto at = find_growth({shape, seed, hours * hour}, hours * hour);
        if (at < 0 || at > 0.7 * hours * hour)
          CAF_ERROR("seed " << seed << ", " << to_string(shape) << ", " << hours
                            << " h: found after " << at / hour << " h");
      }
}

CAF_TEST(what does not wear raises no alarm) {
  for (auto shape : all_shapes)
    for (auto seed : fixed_seeds) {
      auto at = find_growth({shape, seed}, 48 * hour);
      if (at >= 0)
        CAF_ERROR("seed " << seed << ", " << to_string(shape)
                          << ": an alarm after " << at / hour << " h");
    }
}

CAF_TEST(nothing is said of the time in which a process warms up) {
  growth_finder x;
  feed(x, 0, 10.0 / 60, [](double t) { return 0.1 + 5 * t; });
  feed(x, 10.0 / 60, 5, [](double) { return 0.9; });
  CAF_CHECK(!x.find(1));
}

CAF_TEST(a step is no trend) {
  growth_finder x;
  feed(x, 0, 6, [](double t) { return t < 3 ? 0.2 : 0.55; });
  CAF_CHECK(!x.find(1));
}

CAF_TEST(a cache that stops to grow below the limit is none either) {
  growth_finder x;
  feed(x, 0, 24, [](double t) { return 0.3 + 0.3 * (1 - std::exp(-t / 4)); });
  CAF_CHECK(!x.find(1));
}

CAF_TEST(what has taken most of the room is found whatever it looks like) {
  growth_finder x;
  feed(x, 0, 3, [](double t) { return t < 2 ? 0.2 : 0.8; });
  CAF_CHECK(x.find(1));
}

CAF_TEST(what cannot be a sample changes nothing) {
  growth_finder x;
  feed(x, 0, 4, [](double t) {
    return std::fmod(t, 1) < 0.5 ? std::numeric_limits<double>::quiet_NaN()
                                 : 0.2;
  });
  x.add(1h, {std::numeric_limits<double>::infinity(), 0}); // Goes back, too.
  CAF_CHECK(!x.find(1));
  CAF_CHECK(!growth_finder{}.find(1));
}

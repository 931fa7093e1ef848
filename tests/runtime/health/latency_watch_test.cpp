// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/ageing/latency_watch.hpp"

#include "tests/support/latency_curves.hpp"

#include <caf/test/unit_test.hpp>

#include <limits>

using namespace coppice;
using namespace coppice::test;

namespace {

constexpr auto hour = 3'600.0;

/// What is found is a matter of chance: how often, `scripts/soak ageing` says.
/// With these seeds nothing is left to chance.
constexpr uint32_t fixed_seeds[] = {1, 2, 3, 4, 5, 6};

/// Adds a sample every ten seconds from *from* to *to*, in hours.
template <class F>
void feed(latency_watch& x, double from, double to, F value) {
  for (auto t = from * hour; t < to * hour; t += 10)
    x.add(latency_watch::seconds{t}, value(t / hour));
}

google::protobuf::RepeatedPtrField<proto::Vital> look(const latency_watch& x) {
  google::protobuf::RepeatedPtrField<proto::Vital> out;
  x.describe(out);
  return out;
}

} // namespace

CAF_TEST(answers that take longer and longer are wear) {
  latency_watch x;
  feed(x, 0, 1, [](double t) { return 10 + 200 * t; });
  CAF_CHECK(!x.is_worn());
  feed(x, 1, 5, [](double t) { return 10 + 200 * t; });
  CAF_CHECK(x.is_worn());
  auto vitals = look(x);
  CAF_REQUIRE_EQUAL(vitals.size(), 1);
  CAF_CHECK_EQUAL(vitals[0].name(), "latency");
  CAF_CHECK_EQUAL(vitals[0].unit(), "ms");
  CAF_CHECK(vitals[0].worn());
  CAF_CHECK_EQUAL(vitals[0].limit(), 2'000);
  CAF_CHECK(std::abs(vitals[0].growth_per_hour() - 200) < 10);
  CAF_CHECK(vitals[0].left_s() > 0);
}

CAF_TEST(growth to less than four times is none) {
  latency_watch x;
  feed(x, 0, 24, [](double t) { return 500 + 1'400 * t / 24; });
  CAF_CHECK(!x.is_worn());
  // The limit is far above what was usual.
  CAF_CHECK(look(x)[0].limit() > 7'000);
}

CAF_TEST(a friend that is slow from one moment to the other is no wear) {
  latency_watch x;
  feed(x, 0, 3, [](double) { return 10.0; });
  feed(x, 3, 12, [](double) { return 3'000.0; });
  CAF_CHECK(!x.is_worn());
}

CAF_TEST(without a limit latency is only shown) {
  latency_limits limits;
  limits.limit_ms = 0;
  latency_watch x{limits};
  CAF_CHECK(look(x).empty());
  feed(x, 0, 9, [](double t) { return 10 + 1'000 * t; });
  CAF_CHECK(!x.is_worn());
  CAF_CHECK_EQUAL(look(x)[0].limit(), 0.0);
  CAF_CHECK(look(x)[0].value() > 8'000);
}

CAF_TEST(what cannot be a time changes nothing) {
  latency_watch x;
  for (auto y : {0.0, -1.0, std::numeric_limits<double>::infinity(),
                 std::numeric_limits<double>::quiet_NaN()})
    feed(x, 0, 2, [&](double) { return y; });
  CAF_CHECK(look(x).empty());
}

CAF_TEST(a server that slows down is found before its limit) {
  for (auto hours : {24.0, 48.0})
    for (auto seed : fixed_seeds) {
      latency_curve curve{latency_shape::even, seed, hours * hour};
      auto at = find_slowing(curve, hours * hour);
      if (at < 0 || at > 0.7 * hours * hour)
        CAF_ERROR("seed " << seed << ", " << hours << " h: found after "
                          << at / hour << " h");
    }
}

CAF_TEST(a server that does not raises no alarm) {
  for (auto shape : all_latency_shapes)
    for (auto seed : fixed_seeds) {
      auto at = find_slowing({shape, seed}, 48 * hour);
      if (at >= 0)
        CAF_ERROR("seed " << seed << ", " << to_string(shape)
                          << ": an alarm after " << at / hour << " h");
    }
}

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/duration.hpp"

#include "tests/support/seeds.hpp"

#include <caf/test/unit_test.hpp>

#include <chrono>
#include <limits>
#include <random>
#include <string>

using namespace coppice;
using namespace std::chrono_literals;

using std::chrono::milliseconds;

namespace {

google::protobuf::Duration make(int64_t seconds, int32_t nanos) {
  google::protobuf::Duration x;
  x.set_seconds(seconds);
  x.set_nanos(nanos);
  return x;
}

} // namespace

CAF_TEST(durations are read as people write them) {
  auto is = [](const char* text, milliseconds expected) {
    auto x = parse_duration(text);
    CAF_REQUIRE(x);
    CAF_CHECK(x.value() == expected);
  };
  is("0s", 0ms);
  is("500ms", 500ms);
  is("2s", 2s);
  is("10m", 10min);
  is("24h", 24h);
  is("1d", 24h);
  is("1h30m", 90min);
  is("1d2h3m4s5ms", 26h + 3min + 4s + 5ms);
  is("90m", 90min);
  is("007s", 7s);
  is("9223372036854775807ms", milliseconds::max());
}

CAF_TEST(anything else is refused) {
  for (auto text : {"",
                    "5",
                    "s",
                    "5 s",
                    " 5s",
                    "5s ",
                    "-5s",
                    "+5s",
                    "1.5s",
                    "5S",
                    "5sec",
                    "5w",
                    "1m1h",
                    "1s1s",
                    "1h30",
                    "1ms1s",
                    "9223372036854775808ms",
                    "99999999999999999999s",
                    "106751991168d",
                    "1e3s",
                    "0x1s"}) {
    auto x = parse_duration(text);
    if (x)
      CAF_FAIL("'" << text << "' is taken");
    CAF_CHECK(x.error().code == ec::invalid_argument);
    auto shown = "'" + std::string{text} + "' is not a duration: ";
    CAF_CHECK(x.error().message.starts_with(shown));
  }
}

CAF_TEST(durations are written so that they can be read) {
  CAF_CHECK_EQUAL(format_duration(0ms), "0s");
  CAF_CHECK_EQUAL(format_duration(90min), "1h30m");
  CAF_CHECK_EQUAL(format_duration(60s), "1m");
  CAF_CHECK_EQUAL(format_duration(24h), "1d");
  CAF_CHECK_EQUAL(format_duration(1'001ms), "1s1ms");
  CAF_CHECK_EQUAL(format_duration(-5s), "-5s");
  CAF_CHECK_EQUAL(format_duration(milliseconds::min()),
                  "-106751991167d7h12m55s808ms");
  for (auto seed : test::seeds(2'000)) { // COPPICE_SEED=<n> replays one.
    std::mt19937_64 rng{seed};
    auto x = milliseconds{static_cast<int64_t>(rng() >> (1 + rng() % 63))};
    auto read = parse_duration(format_duration(x));
    if (!read || read.value() != x)
      CAF_FAIL("seed " << seed << ": " << format_duration(x));
  }
}

CAF_TEST(durations of messages are rounded up and cut) {
  CAF_CHECK(to_milliseconds(make(0, 0)) == 0ms);
  CAF_CHECK(to_milliseconds(make(0, 1)) == 1ms);
  CAF_CHECK(to_milliseconds(make(1, 500'000'000)) == 1'500ms);
  CAF_CHECK(to_milliseconds(make(1, 500'000'001)) == 1'501ms);
  CAF_CHECK(to_milliseconds(make(-1, 0)) == 0ms);
  CAF_CHECK(to_milliseconds(make(0, -1)) == 0ms);
  constexpr auto most = std::numeric_limits<int64_t>::max();
  constexpr auto most_nanos = std::numeric_limits<int32_t>::max();
  CAF_CHECK(to_milliseconds(make(most, most_nanos)) == max_stated_duration);
  CAF_CHECK(to_milliseconds(make(-most, -most_nanos)) == 0ms);
  for (auto x : {0ms, 1ms, 999ms, 1'000ms, 3'600'001ms, max_stated_duration})
    CAF_CHECK(to_milliseconds(to_proto(x)) == x);
}

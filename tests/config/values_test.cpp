// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/values.hpp"

#include "tests/support/seeds.hpp"

#include <caf/test/dsl.hpp>

#include <random>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

constexpr duration_range any_duration{0ms, 24000h};
constexpr size_range any_size{0, uint64_t{1} << 50};

// By value: the checks of the test library keep references, and what `value()`
// returns of a temporary result is gone by then.
template <class T>
T unbox(result<T> x) {
  return std::move(x).value();
}

} // namespace

CAF_TEST(a duration is a whole number with its unit) {
  CAF_CHECK(unbox(parse_duration("500ms", any_duration)) == 500ms);
  CAF_CHECK(unbox(parse_duration("2s", any_duration)) == 2s);
  CAF_CHECK(unbox(parse_duration("10m", any_duration)) == 10min);
  CAF_CHECK(unbox(parse_duration("24h", any_duration)) == 24h);
  CAF_CHECK(unbox(parse_duration("1d", any_duration)) == 24h);
  for (auto x : {"", "s", "5", "5 s", "-5s", "+5s", "1.5s", "5sec", "5S",
                 "0x5s", "99999999999999999999s", "18446744073709551615d"})
    CAF_CHECK(!parse_duration(x, any_duration));
}

CAF_TEST(a size is a whole number with a binary unit) {
  CAF_CHECK_EQUAL(unbox(parse_size("512B", any_size)), 512u);
  CAF_CHECK_EQUAL(unbox(parse_size("64KiB", any_size)), 65536u);
  CAF_CHECK_EQUAL(unbox(parse_size("1MiB", any_size)), 1048576u);
  for (auto x : {"", "1", "1MB", "1mib", "MiB", "1 MiB", "-1MiB",
                 "18446744073709551615TiB"})
    CAF_CHECK(!parse_size(x, any_size));
}

CAF_TEST(both ends of a range are allowed and nothing beyond) {
  CAF_CHECK(parse_count("1", {1, 9}));
  CAF_CHECK(parse_count("9", {1, 9}));
  for (auto x : {"0", "10", "many", "", "1x", " 1", "-1", "+1", "1.0"})
    CAF_CHECK(!parse_count(x, {1, 9}));
  auto x = parse_count("many", {1, 9});
  CAF_CHECK_EQUAL(x.error().message,
                  "'many' is not a whole number from 1 to 9");
}

CAF_TEST(what is shown is parsed to the same value) {
  for (auto seed : test::seeds(20)) {
    CAF_MESSAGE("seed " << seed);
    std::mt19937_64 random{seed};
    for (auto i = 0; i < 200; ++i) {
      // Few low bits, so that large units come up.
      auto x = (random() % 1000) << (random() % 40);
      CAF_CHECK_EQUAL(unbox(parse_size(show_size(x), any_size)), x);
      auto d = std::chrono::milliseconds{(random() % 100) * 1000
                                         * (random() % 3600 + 1)};
      CAF_CHECK(unbox(parse_duration(show_duration(d), any_duration)) == d);
    }
  }
}

CAF_TEST(hours of the day are two times) {
  using std::chrono::hours;
  using std::chrono::minutes;
  auto x = unbox(parse_daily_hours("08:05-18:00"));
  CAF_REQUIRE(x);
  CAF_CHECK(*x == daily_hours({hours{8} + minutes{5}, hours{18}}));
  CAF_CHECK_EQUAL(show_daily_hours(x), "08:05-18:00");
  auto night = unbox(parse_daily_hours("22:00-24:00"));
  CAF_CHECK_EQUAL(show_daily_hours(night), "22:00-24:00");
  CAF_CHECK(!unbox(parse_daily_hours("never")));
  CAF_CHECK_EQUAL(show_daily_hours(std::nullopt), "never");
  for (auto* text :
       {"", "8:00-18:00", "08:00", "08:00-08:00", "08:00-25:00", "08:60-18:00",
        "08:00 18:00", "08:00-18:00 ", "-8:00-18:00", "24:01-08:00"})
    CAF_CHECK(!parse_daily_hours(text));
}

CAF_TEST(an address has a host and a port) {
  CAF_CHECK(unbox(parse_host_port("n1.example:7401"))
            == (host_port{"n1.example", 7401}));
  CAF_CHECK(unbox(parse_host_port("[::1]:0")) == (host_port{"::1", 0}));
  CAF_CHECK_EQUAL(to_string(host_port{"::1", 80}), "[::1]:80");
  for (auto x : {"", ":", "host", "host:", ":80", "host:65536", "host:-1",
                 "host:8x", "::1:80", "a b:80", "[]:80", "[::1]80"})
    CAF_CHECK(!parse_host_port(x));
}

CAF_TEST(only numeric loopback addresses and localhost are loopback) {
  for (auto x : {"127.0.0.1", "127.1.2.3", "localhost", "::1"})
    CAF_CHECK(is_loopback({x, 1}));
  for (auto x :
       {"0.0.0.0", "::", "10.0.0.1", "127.example.com", "127.0.0.1.x", "127.1"})
    CAF_CHECK(!is_loopback({x, 1}));
}

CAF_TEST(lists refuse empty items and doubles) {
  CAF_CHECK(unbox(parse_roles("worker, manager"))
            == (node_roles{.manager = true, .worker = true}));
  CAF_CHECK(
    unbox(parse_roles("gateway"))
    == (node_roles{.manager = false, .worker = false, .gateway = true}));
  for (auto x : {"gateway", "manager,worker", "manager,worker,gateway"})
    CAF_CHECK_EQUAL(to_string(unbox(parse_roles(x))), x);
  for (auto x : {"", ",", "worker,", "worker,worker", "gate"})
    CAF_CHECK(!parse_roles(x));
  auto labels = unbox(parse_labels("gpu=yes, zone=a"));
  CAF_CHECK_EQUAL(labels.size(), 2u);
  CAF_CHECK_EQUAL(labels["zone"], "a");
  for (auto x : {"", "gpu", "=yes", "gpu=", "gpu=yes,", "a=1,a=2", "a=b=c"})
    CAF_CHECK(!parse_labels(x));
  CAF_CHECK_EQUAL(unbox(parse_host_ports("a:1,b:2")).size(), 2u);
  for (auto x : {"", "a:1,", "a:0"})
    CAF_CHECK(!parse_host_ports(x));
}

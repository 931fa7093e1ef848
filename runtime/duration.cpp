// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/duration.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>

namespace coppice {

namespace {

using std::chrono::milliseconds;

struct unit {
  std::string_view name;
  uint64_t ms;
};

/// From the largest to the smallest.
constexpr std::array<unit, 5> units{{{"d", 86'400'000},
                                     {"h", 3'600'000},
                                     {"m", 60'000},
                                     {"s", 1'000},
                                     {"ms", 1}}};

constexpr uint64_t max_ms = std::numeric_limits<int64_t>::max();

error bad_duration(std::string_view text, std::string_view why) {
  return {ec::invalid_argument,
          "'" + std::string{text} + "' is not a duration: " + std::string{why}
            + "; write whole numbers with units, e.g. 500ms, 10m or 1h30m"};
}

/// Takes the letters at the beginning of *text*.
std::string_view take_unit(std::string_view& text) {
  size_t n = 0;
  while (n < text.size() && text[n] >= 'a' && text[n] <= 'z')
    ++n;
  auto name = text.substr(0, n);
  text.remove_prefix(n);
  return name;
}

} // namespace

result<milliseconds> parse_duration(std::string_view text) {
  if (text.empty())
    return bad_duration(text, "it is empty");
  uint64_t sum = 0;
  auto next = units.begin();
  for (auto rest = text; !rest.empty();) {
    uint64_t n = 0;
    auto [end, code]
      = std::from_chars(rest.data(), rest.data() + rest.size(), n);
    if (code == std::errc::invalid_argument)
      return bad_duration(text, "a number is missing");
    if (code != std::errc{})
      return bad_duration(text, "it is too long");
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
    auto name = take_unit(rest);
    auto found = std::find_if(next, units.end(),
                              [=](const unit& x) { return x.name == name; });
    if (found == units.end())
      return bad_duration(text, name.empty()
                                  ? "a unit is missing (d, h, m, s or ms)"
                                  : "the units are d, h, m, s and ms, in this "
                                    "order and each at most once");
    if (n > (max_ms - sum) / found->ms)
      return bad_duration(text, "it is too long");
    sum += n * found->ms;
    next = found + 1;
  }
  return milliseconds{static_cast<int64_t>(sum)};
}

std::string format_duration(milliseconds x) {
  if (x.count() == 0)
    return "0s";
  std::string out;
  auto left = static_cast<uint64_t>(x.count());
  if (x.count() < 0) {
    out = "-";
    left = 0 - left; // The smallest number has no positive counterpart.
  }
  for (auto& u : units) {
    if (left >= u.ms)
      out += std::to_string(left / u.ms) + std::string{u.name};
    left %= u.ms;
  }
  return out;
}

milliseconds to_milliseconds(const google::protobuf::Duration& x) {
  using std::chrono::nanoseconds;
  using std::chrono::seconds;
  auto longest = std::chrono::duration_cast<seconds>(max_stated_duration);
  auto whole = std::clamp<int64_t>(x.seconds(), -10, longest.count() + 10);
  auto sum = nanoseconds{seconds{whole}} + nanoseconds{x.nanos()};
  return std::clamp(std::chrono::ceil<milliseconds>(sum), milliseconds{0},
                    max_stated_duration);
}

google::protobuf::Duration to_proto(milliseconds x) {
  google::protobuf::Duration result;
  result.set_seconds(x.count() / 1'000);
  result.set_nanos(static_cast<int32_t>(x.count() % 1'000) * 1'000'000);
  return result;
}

} // namespace coppice

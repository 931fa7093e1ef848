// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/values.hpp"

#include "runtime/spelling.hpp"

#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <span>

namespace coppice {

namespace {

struct unit {
  std::string_view name;
  uint64_t factor;
};

// In ascending order: `show` takes the last that divides.
constexpr auto size_units = std::array{
  unit{"B", 1},
  unit{"KiB", uint64_t{1} << 10},
  unit{"MiB", uint64_t{1} << 20},
  unit{"GiB", uint64_t{1} << 30},
  unit{"TiB", uint64_t{1} << 40},
};

constexpr auto duration_units = std::array{
  unit{"ms", 1},       unit{"s", 1'000},      unit{"m", 60'000},
  unit{"h", 3600'000}, unit{"d", 86'400'000},
};

error refuse(std::string_view text, const std::string& why) {
  return {ec::invalid_argument, in_quotes(text) + " " + why};
}

std::string_view trim(std::string_view text) {
  auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// An empty item stays in the list, so that its parser can refuse it.
std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> result;
  for (;;) {
    auto comma = text.find(',');
    result.push_back(trim(text.substr(0, comma)));
    if (comma == std::string_view::npos)
      return result;
    text.remove_prefix(comma + 1);
  }
}

// Digits only: from_chars alone would take "-1" for signed types.
std::optional<uint64_t> parse_digits(std::string_view text) {
  uint64_t x = 0;
  auto end = text.data() + text.size();
  auto [at, err] = std::from_chars(text.data(), end, x);
  if (text.empty() || err != std::errc{} || at != end)
    return std::nullopt;
  return x;
}

std::optional<uint64_t> parse_with_unit(std::string_view text,
                                        std::span<const unit> units) {
  auto digits = text.find_first_not_of("0123456789");
  if (digits == std::string_view::npos)
    return std::nullopt;
  auto x = parse_digits(text.substr(0, digits));
  for (auto& y : units) {
    if (y.name != text.substr(digits))
      continue;
    if (!x || *x > std::numeric_limits<uint64_t>::max() / y.factor)
      return std::nullopt;
    return *x * y.factor;
  }
  return std::nullopt;
}

std::string show(uint64_t x, std::span<const unit> units) {
  auto best = units.front();
  for (auto& y : units) {
    if (x != 0 && x % y.factor == 0)
      best = y;
  }
  return std::to_string(x / best.factor) + std::string{best.name};
}

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
         || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > 64)
    return false;
  for (auto c : text) {
    if (!is_name_char(c))
      return false;
  }
  return true;
}

// Whether *text* can stand before the port; the resolver has the last word.
bool is_host(std::string_view text, bool in_brackets) {
  if (text.empty() || text.size() > 253)
    return false;
  for (auto c : text) {
    if (!is_name_char(c) && !(in_brackets && (c == ':' || c == '%')))
      return false;
  }
  return true;
}

} // namespace

// -- numbers ------------------------------------------------------------------

result<uint64_t> parse_count(std::string_view text, count_range allowed) {
  auto x = parse_digits(text);
  if (!x || *x < allowed.least || *x > allowed.most)
    return refuse(text, "is not a whole number from "
                          + std::to_string(allowed.least) + " to "
                          + std::to_string(allowed.most));
  return *x;
}

result<uint64_t> parse_size(std::string_view text, size_range allowed) {
  auto x = parse_with_unit(text, size_units);
  if (!x || *x < allowed.least || *x > allowed.most)
    return refuse(text, "is not a size from " + show_size(allowed.least)
                          + " to " + show_size(allowed.most)
                          + ", such as 64KiB or 1GiB");
  return *x;
}

result<std::chrono::milliseconds> parse_duration(std::string_view text,
                                                 duration_range allowed) {
  using std::chrono::milliseconds;
  auto x = parse_with_unit(text, duration_units);
  if (!x || *x > static_cast<uint64_t>(allowed.most.count())
      || *x < static_cast<uint64_t>(allowed.least.count()))
    return refuse(text, "is not a duration from " + show_duration(allowed.least)
                          + " to " + show_duration(allowed.most)
                          + ", such as 500ms, 2s, 10m or 1h");
  return milliseconds{static_cast<milliseconds::rep>(*x)};
}

// -- words --------------------------------------------------------------------

result<std::optional<daily_hours>> parse_daily_hours(std::string_view text) {
  if (text == "never")
    return std::optional<daily_hours>{};
  auto time = [](std::string_view x) -> std::optional<std::chrono::minutes> {
    if (x.size() != 5 || x[2] != ':')
      return std::nullopt;
    auto hours = parse_digits(x.substr(0, 2));
    auto minutes = parse_digits(x.substr(3));
    if (!hours || !minutes || *hours > 24 || *minutes > 59
        || (*hours == 24 && *minutes > 0))
      return std::nullopt;
    return std::chrono::minutes{*hours * 60 + *minutes};
  };
  auto from = time(text.substr(0, 5));
  auto to
    = text.size() == 11 && text[5] == '-' ? time(text.substr(6)) : std::nullopt;
  if (!from || !to || *from == *to)
    return refuse(text, "is not two times of the day, such as 08:00-18:00, or"
                        " never");
  return std::optional{daily_hours{*from, *to}};
}

result<bool> parse_bool(std::string_view text) {
  if (text == "yes" || text == "true")
    return true;
  if (text == "no" || text == "false")
    return false;
  return refuse(text, "is neither 'yes' nor 'no'");
}

result<std::string> parse_name(std::string_view text) {
  if (!is_name(text))
    return refuse(text, "is not 1 to 64 characters of A-Z a-z 0-9 . _ -");
  return std::string{text};
}

result<node_roles> parse_roles(std::string_view text) {
  node_roles roles{.manager = false, .worker = false};
  for (auto x : split(text)) {
    auto* role = x == "manager"   ? &roles.manager
                 : x == "worker"  ? &roles.worker
                 : x == "gateway" ? &roles.gateway
                                  : nullptr;
    if (!role)
      return refuse(x, "is not a role: 'manager', 'worker' or 'gateway'");
    if (*role)
      return refuse(x, "stands there twice");
    *role = true;
  }
  return roles;
}

result<log_level> parse_log_level(std::string_view text) {
  for (auto x :
       {log_level::debug, log_level::info, log_level::warn, log_level::error}) {
    if (text == to_string(x))
      return x;
  }
  return refuse(text, "is none of 'debug', 'info', 'warn', 'error'");
}

result<std::map<std::string, std::string>> parse_labels(std::string_view text) {
  std::map<std::string, std::string> result;
  for (auto x : split(text)) {
    auto equals = x.find('=');
    auto key = trim(x.substr(0, equals));
    if (equals == std::string_view::npos || !is_name(key)
        || !is_name(trim(x.substr(equals + 1))))
      return refuse(x, "is not a label of the form key=value");
    if (!result.emplace(key, trim(x.substr(equals + 1))).second)
      return refuse(key, "is the key of two labels");
  }
  return result;
}

// -- addresses ----------------------------------------------------------------

result<host_port> parse_host_port(std::string_view text) {
  auto colon = text.rfind(':');
  auto host = text.substr(0, colon);
  auto in_brackets
    = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (in_brackets)
    host = host.substr(1, host.size() - 2);
  if (colon == std::string_view::npos || !is_host(host, in_brackets))
    return refuse(text, "is not an address of the form HOST:PORT");
  auto port = parse_digits(text.substr(colon + 1));
  if (!port || *port > std::numeric_limits<uint16_t>::max())
    return refuse(text, "has no port from 0 to 65535");
  return host_port{std::string{host}, static_cast<uint16_t>(*port)};
}

result<std::vector<host_port>> parse_host_ports(std::string_view text) {
  std::vector<host_port> result;
  for (auto x : split(text)) {
    auto address = parse_host_port(x);
    if (!address)
      return address.error();
    if (address.value().port == 0)
      return refuse(x, "has port 0: nobody can be reached there");
    result.push_back(std::move(address).value());
  }
  return result;
}

result<std::vector<node_config::manager_address>>
parse_managers(std::string_view text) {
  std::vector<node_config::manager_address> result;
  for (auto x : split(text)) {
    auto equals = x.find('=');
    auto name = trim(x.substr(0, equals));
    if (equals == std::string_view::npos || !is_name(name))
      return refuse(x, "is not a manager of the form NAME=HOST:PORT");
    auto address = parse_host_port(trim(x.substr(equals + 1)));
    if (!address)
      return address.error();
    if (address.value().port == 0)
      return refuse(x, "has port 0: nobody can be reached there");
    for (auto& y : result)
      if (y.node == name)
        return refuse(name, "is the name of two managers");
    result.push_back({std::string{name}, std::move(address).value()});
  }
  return result;
}

// -- rendering ----------------------------------------------------------------

std::string show_size(uint64_t bytes) {
  return show(bytes, size_units);
}

std::string show_duration(std::chrono::milliseconds x) {
  return show(static_cast<uint64_t>(x.count()), duration_units);
}

std::string show_daily_hours(const std::optional<daily_hours>& x) {
  if (!x)
    return "never";
  auto time = [](std::chrono::minutes y) {
    auto two = [](auto z) { return (z < 10 ? "0" : "") + std::to_string(z); };
    return two(y.count() / 60) + ':' + two(y.count() % 60);
  };
  return time(x->from) + '-' + time(x->to);
}

std::string show_host_ports(const std::vector<host_port>& xs) {
  std::string result;
  for (auto& x : xs)
    result += (result.empty() ? "" : ",") + to_string(x);
  return result;
}

std::string show_managers(const std::vector<node_config::manager_address>& xs) {
  std::string result;
  for (auto& x : xs)
    result += (result.empty() ? "" : ",") + x.node + "=" + to_string(x.address);
  return result;
}

std::string show_labels(const std::map<std::string, std::string>& xs) {
  std::string result;
  for (auto& [key, value] : xs)
    result += (result.empty() ? "" : ",") + key + "=" + value;
  return result;
}

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/service_sections.hpp"

#include "config/values.hpp"
#include "runtime/service/service_rules.hpp"
#include "runtime/spelling.hpp"
#include "runtime/task/label_rules.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <utility>

namespace coppice {

namespace {

using namespace std::chrono_literals;

using proto::ServiceSpec;

constexpr auto prefix = std::string_view{"service."};

constexpr auto env_infix = std::string_view{".env."};

/// The keys of a section but those of the environment, and what sets them.
using assignment = std::function<result<>(ServiceSpec&, std::string_view)>;

error refuse(std::string_view text, const std::string& why) {
  return {ec::invalid_argument, in_quotes(text) + " " + why};
}

assignment text(void (*set)(ServiceSpec&, std::string)) {
  return [set](ServiceSpec& x, std::string_view value) -> result<> {
    set(x, std::string{value});
    return ok();
  };
}

assignment duration(void (*set)(ServiceSpec&, int64_t)) {
  return [set](ServiceSpec& x, std::string_view value) -> result<> {
    auto parsed = parse_duration(value, {1ms, 24h * 3650});
    if (!parsed)
      return parsed.error();
    set(x, parsed.value().count());
    return ok();
  };
}

assignment count(count_range allowed, void (*set)(ServiceSpec&, uint32_t)) {
  return [set, allowed](ServiceSpec& x, std::string_view value) -> result<> {
    auto parsed = parse_count(value, allowed);
    if (!parsed)
      return parsed.error();
    set(x, static_cast<uint32_t>(parsed.value()));
    return ok();
  };
}

assignment yes_or_no(void (*set)(ServiceSpec&, bool)) {
  return [set](ServiceSpec& x, std::string_view value) -> result<> {
    auto parsed = parse_bool(value);
    if (!parsed)
      return parsed.error();
    set(x, parsed.value());
    return ok();
  };
}

/// Takes one of two words.
template <class T>
assignment choice(std::pair<const char*, T> a, std::pair<const char*, T> b,
                  void (*set)(ServiceSpec&, T)) {
  return [=](ServiceSpec& x, std::string_view value) -> result<> {
    if (value != a.first && value != b.first)
      return refuse(value, std::string{"is not "} + a.first + " or " + b.first);
    set(x, value == a.first ? a.second : b.second);
    return ok();
  };
}

result<> set_command(ServiceSpec& x, std::string_view value) {
  auto words = parse_words(value);
  if (!words)
    return words.error();
  for (auto& word : words.value())
    x.add_command(word);
  return ok();
}

result<> set_labels(ServiceSpec& x, std::string_view value) {
  while (!value.empty()) {
    auto part = value.substr(0, value.find(','));
    value.remove_prefix(std::min(value.size(), part.size() + 1));
    auto first = part.find_first_not_of(" \t");
    part = first == part.npos ? std::string_view{} : part.substr(first);
    part = part.substr(0, part.find_last_not_of(" \t") + 1);
    auto rule = parse_label_rule(part);
    if (!rule)
      return rule.error();
    x.add_labels(std::string{part});
  }
  return ok();
}

assignment size(size_range allowed, void (*set)(ServiceSpec&, uint64_t)) {
  return [set, allowed](ServiceSpec& x, std::string_view value) -> result<> {
    auto parsed = parse_size(value, allowed);
    if (!parsed)
      return parsed.error();
    set(x, parsed.value());
    return ok();
  };
}

const std::map<std::string, assignment, std::less<>>& assignments() {
  static const std::map<std::string, assignment, std::less<>> all{
    {"form",
     choice<proto::ServiceForm>({"native", proto::NATIVE_SERVICE},
                                {"process", proto::PROCESS_SERVICE},
                                [](auto& x, auto y) { x.set_form(y); })},
    {"class", text([](auto& x, auto y) { x.set_native_class(y); })},
    {"command", set_command},
    {"working_folder", text([](auto& x, auto y) { x.set_working_folder(y); })},
    {"instances", count({1, max_service_instances},
                        [](auto& x, auto y) { x.set_instances(y); })},
    {"labels", set_labels},
    {"health_path", text([](auto& x, auto y) { x.set_health_path(y); })},
    {"health_interval",
     duration([](auto& x, auto y) { x.set_health_interval_ms(y); })},
    {"start_timeout",
     duration([](auto& x, auto y) { x.set_start_timeout_ms(y); })},
    {"request_timeout",
     duration([](auto& x, auto y) { x.set_request_timeout_ms(y); })},
    {"idempotent", yes_or_no([](auto& x, auto y) { x.set_idempotent(y); })},
    {"durability",
     choice<proto::ServiceDurability>(
       {"reply", proto::DURABLE_REPLY}, {"interval", proto::DURABLE_INTERVAL},
       [](auto& x, auto y) { x.set_durability(y); })},
    {"capture_interval",
     duration([](auto& x, auto y) { x.set_capture_interval_ms(y); })},
    {"dedupe_window",
     duration([](auto& x, auto y) { x.set_dedupe_window_ms(y); })},
    {"save", choice<proto::HeldRequests>(
               {"memory", proto::HELD_IN_MEMORY}, {"disk", proto::HELD_ON_DISK},
               [](auto& x, auto y) { x.set_held(y); })},
    {"hold_requests",
     count({1, 1'000'000}, [](auto& x, auto y) { x.set_hold_requests(y); })},
    {"hold_bytes", size({1, uint64_t{4} << 30},
                        [](auto& x, auto y) { x.set_hold_bytes(y); })},
    {"state_path", text([](auto& x, auto y) { x.set_state_path(y); })},
    {"memory_limit", size({uint64_t{1} << 20, uint64_t{1} << 50},
                          [](auto& x, auto y) { x.set_memory_limit(y); })},
    {"hold_time", duration([](auto& x, auto y) { x.set_hold_ms(y); })},
    {"exclusive", yes_or_no([](auto& x, auto y) { x.set_exclusive(y); })},
  };
  return all;
}

/// A setting of a service taken apart.
struct service_key {
  std::string name;
  std::string key;
};

/// The names of services may have dots in them.
result<service_key> parse_key(const setting& x) {
  auto rest = x.key.substr(prefix.size());
  auto env = rest.find(env_infix);
  auto dot = env != rest.npos ? env : rest.rfind('.');
  if (dot == rest.npos)
    return error{ec::invalid_argument,
                 x.origin + ": write '[service.NAME]', and keys below it"};
  service_key out{rest.substr(0, dot), rest.substr(dot + 1)};
  if (auto checked = check_service_name(out.name); !checked)
    return error{ec::invalid_argument,
                 x.origin + ": " + checked.error().message};
  return out;
}

result<> assign(ServiceSpec& to, const std::string& key, const setting& x) {
  constexpr auto env = env_infix.size() - 1;
  if (key.starts_with(env_infix.substr(1))) {
    (*to.mutable_environment())[key.substr(env)] = x.value;
    return ok();
  }
  auto known = assignments().find(key);
  if (known != assignments().end()) {
    auto done = known->second(to, x.value);
    if (done)
      return done;
    return error{ec::invalid_argument, x.origin + ": " + done.error().message};
  }
  std::vector<std::string> names;
  for (auto& [name, ignored] : assignments())
    names.push_back(name);
  auto near = nearest(key, names);
  return error{
    ec::invalid_argument,
    x.origin + ": is not an option of a service"
      + (near.empty() ? std::string{} : "; did you mean '" + near + "'?")};
}

} // namespace

bool is_of_service(const setting& x) {
  return x.key.starts_with(prefix);
}

result<std::vector<ServiceSpec>>
parse_services(const std::vector<setting>& xs) {
  std::vector<ServiceSpec> out;
  std::vector<std::string> places;
  for (auto& x : xs) {
    auto key = parse_key(x);
    if (!key)
      return key.error();
    auto& name = key.value().name;
    auto spec = std::find_if(out.begin(), out.end(),
                             [&](auto& y) { return y.name() == name; });
    if (spec == out.end()) {
      spec = out.emplace(out.end());
      spec->set_name(name);
      places.push_back(x.origin.substr(0, x.origin.rfind(':')));
    }
    if (auto done = assign(*spec, key.value().key, x); !done)
      return done.error();
  }
  for (size_t i = 0; i < out.size(); ++i) {
    if (out[i].form() == proto::SERVICE_FORM_UNKNOWN)
      out[i].set_form(out[i].command_size() > 0 ? proto::PROCESS_SERVICE
                                                : proto::NATIVE_SERVICE);
    if (auto checked = check_service(out[i]); !checked)
      return error{ec::invalid_argument, places[i] + ": service."
                                           + out[i].name() + ": "
                                           + checked.error().message};
  }
  return out;
}

result<std::vector<ServiceSpec>> parse_service_file(std::string_view text,
                                                    const std::string& name) {
  auto settings = parse_settings(text, name);
  if (!settings)
    return settings.error();
  for (auto& x : settings.value())
    if (!is_of_service(x))
      return error{ec::invalid_argument,
                   x.origin
                     + ": is not of a service; the sections of this "
                       "file are called [service.NAME]"};
  if (settings.value().empty())
    return error{ec::invalid_argument,
                 name + ": there is no section [service.NAME]"};
  return parse_services(settings.value());
}

result<std::vector<std::string>> parse_words(std::string_view text) {
  std::vector<std::string> out;
  char quote = 0;
  auto open = false;
  for (size_t i = 0; i < text.size(); ++i) {
    auto c = text[i];
    auto has_next = i + 1 < text.size();
    if (quote == 0 && (c == ' ' || c == '\t')) {
      open = false;
      continue;
    }
    if (!std::exchange(open, true))
      out.emplace_back();
    if (c == quote)
      quote = 0;
    else if (quote == 0 && (c == '\'' || c == '"'))
      quote = c;
    else if (c == '\\' && has_next
             && (quote == 0
                 || (quote == '"'
                     && (text[i + 1] == '"' || text[i + 1] == '\\'))))
      out.back() += text[++i];
    else
      out.back() += c;
  }
  if (quote != 0)
    return refuse(text, std::string{"has a "} + quote + " that is not closed");
  return out;
}

} // namespace coppice

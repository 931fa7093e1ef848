// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/service/service_rules.hpp"

#include "runtime/spelling.hpp"
#include "runtime/task/label_rules.hpp"
#include "runtime/task/product_route.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace coppice {

namespace {

constexpr size_t max_name_bytes = 64;

/// Whoever follows the services gets all of them.
constexpr size_t max_spec_bytes = size_t{16} << 10;

constexpr int max_labels = 16;

/// 10 years.
constexpr int64_t max_span_ms = int64_t{3'653} * 24 * 60 * 60 * 1'000;

/// Requests are held in memory.
constexpr uint32_t max_hold_requests = 1'000'000;
constexpr uint64_t max_hold_bytes = uint64_t{4} << 30;

bool is_name_byte(char x) {
  return (x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z')
         || (x >= '0' && x <= '9') || x == '.' || x == '_' || x == '-';
}

error wrong(const std::string& field, const std::string& why) {
  return {ec::invalid_argument, field + ": " + why};
}

result<> check_form(const proto::ServiceSpec& x) {
  switch (x.form()) {
    case proto::NATIVE_SERVICE:
      if (x.command_size() > 0)
        return wrong("command", "a native service has none");
      if (x.instances() > 1)
        return wrong("instances", "a native service has one");
      if (!x.state_path().empty())
        return wrong("state_path", "a native service needs none: its events "
                                   "are saved");
      if (x.memory_limit() > 0)
        return wrong("memory_limit", "a native service lives in the process of "
                                     "its node: see ageing.memory_limit");
      if (x.native_class().size() > max_name_bytes)
        return wrong("class", "has more than 64 bytes");
      return ok();
    case proto::PROCESS_SERVICE:
      if (x.command_size() == 0 || x.command(0).empty())
        return wrong("command", "a process service needs one: the program and "
                                "its arguments");
      if (!x.native_class().empty())
        return wrong("class", "only native services have one");
      if (x.instances() > max_service_instances)
        return wrong("instances",
                     "at most " + std::to_string(max_service_instances));
      if (!x.state_path().empty() && x.state_path().front() != '/')
        return wrong("state_path", "has to begin with /");
      if (!x.state_path().empty() && x.instances() > 1)
        return wrong("instances", "a service whose state is saved "
                                  "(state_path) has one");
      return ok();
    default:
      return wrong("form", "has to be native or process");
  }
}

result<> check_spans(const proto::ServiceSpec& x) {
  std::pair<const char*, int64_t> spans[] = {
    {"health_interval", x.health_interval_ms()},
    {"start_timeout", x.start_timeout_ms()},
    {"request_timeout", x.request_timeout_ms()},
    {"capture_interval", x.capture_interval_ms()},
    {"dedupe_window", x.dedupe_window_ms()},
    {"hold_time", x.hold_ms()},
  };
  for (auto& [field, span] : spans)
    if (span < 0 || span > max_span_ms)
      return wrong(field, "has to be between 0 and 10 years");
  if (x.hold_requests() > max_hold_requests)
    return wrong("hold_requests",
                 "at most " + std::to_string(max_hold_requests));
  if (x.hold_bytes() > max_hold_bytes)
    return wrong("hold_bytes", "at most 4 GiB");
  return ok();
}

result<> check_environment(const proto::ServiceSpec& x) {
  for (auto& [key, value] : x.environment())
    if (key.empty() || key.find_first_of(std::string_view{"=\0", 2}) != key.npos
        || value.find('\0') != value.npos)
      return wrong("env", "a name is empty or has a '=', or there is a zero "
                          "byte in it");
  for (auto& word : x.command())
    if (word.find('\0') != word.npos)
      return wrong("command", "there is a zero byte in it");
  return ok();
}

} // namespace

result<> check_service_name(std::string_view x) {
  if (x.empty() || x.size() > max_name_bytes
      || !std::all_of(x.begin(), x.end(), is_name_byte))
    return error{ec::invalid_argument,
                 "the name of a service has 1 to 64 letters, digits, '.', '_' "
                 "or '-', and not "
                   + in_quotes(std::string{x.substr(0, max_name_bytes + 1)})};
  return ok();
}

result<> check_service(const proto::ServiceSpec& x) {
  if (auto checked = check_service_name(x.name()); !checked)
    return checked;
  if (x.ByteSizeLong() > max_spec_bytes)
    return error{ec::invalid_argument,
                 "it is larger than " + std::to_string(max_spec_bytes)
                   + " bytes; keep what is long in a file"};
  if (x.labels_size() > max_labels)
    return wrong("labels", "at most " + std::to_string(max_labels));
  for (auto& label : x.labels())
    if (auto rule = parse_label_rule(label); !rule)
      return wrong("labels", rule.error().message);
  if (!x.health_path().empty()
      && (x.health_path().front() != '/'
          || x.health_path().find_first_of(" \r\n") != std::string::npos))
    return wrong("health_path", "has to begin with '/', and has no spaces");
  for (auto check : {check_form, check_spans, check_environment})
    if (auto checked = check(x); !checked)
      return checked;
  return ok();
}

bool has_journal(const proto::ServiceSpec& x) {
  return x.form() == proto::NATIVE_SERVICE || !x.state_path().empty();
}

uint32_t instances_of(const proto::ServiceSpec& x) {
  if (x.form() == proto::NATIVE_SERVICE)
    return 1;
  return std::clamp(x.instances(), 1u, max_service_instances);
}

uint32_t journal_shard(std::string_view service, uint32_t shards) {
  return first_shard(service, shards);
}

const char* describe(proto::ServiceStatus x) noexcept {
  switch (x) {
    case proto::SERVICE_PLACED:
      return "placed";
    case proto::SERVICE_STARTING:
      return "starting";
    case proto::SERVICE_READY:
      return "ready";
    case proto::SERVICE_UNHEALTHY:
      return "unhealthy";
    case proto::SERVICE_LEAVING:
      return "leaving";
    case proto::SERVICE_STOPPED:
      return "stopped";
    case proto::SERVICE_FAILED:
      return "failed";
    default:
      return "unknown";
  }
}

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/node_config.hpp"

#include <algorithm>
#include <thread>

namespace coppice {

std::string to_string(const host_port& x) {
  auto is_v6 = x.host.find(':') != std::string::npos;
  auto host = is_v6 ? "[" + x.host + "]" : x.host;
  return host + ":" + std::to_string(x.port);
}

bool is_loopback(const host_port& x) {
  // By name only: a name that resolves to loopback today may not tomorrow.
  // Names that merely begin with "127." ("127.example.com") do not count.
  if (x.host == "localhost" || x.host == "::1")
    return true;
  auto is_numeric
    = x.host.find_first_not_of("0123456789.") == std::string::npos;
  auto dots = std::count(x.host.begin(), x.host.end(), '.');
  return is_numeric && dots == 3 && x.host.starts_with("127.");
}

const char* to_string(log_level x) noexcept {
  switch (x) {
    case log_level::debug:
      return "debug";
    case log_level::info:
      return "info";
    case log_level::warn:
      return "warn";
    case log_level::error:
      return "error";
  }
  return "unknown";
}

std::string to_string(const node_roles& x) {
  std::string result;
  auto add = [&](bool has, const char* role) {
    if (has)
      result.append(result.empty() ? "" : ",").append(role);
  };
  add(x.manager, "manager");
  add(x.worker, "worker");
  add(x.gateway, "gateway");
  return result;
}

uint32_t core_count() noexcept {
  return std::max(1u, std::thread::hardware_concurrency());
}

host_port node_config::service_address() const {
  auto x = worker.service_listen;
  if (x.host.empty())
    x.host = node.listen.host;
  return x;
}

std::string node_config::where(std::string_view key) const {
  auto i = origins.find(key);
  return i != origins.end() ? i->second : std::string{key} + " (default)";
}

node_config::ms node_config::ended_kept() const {
  return std::max(history.keep, dedupe.window);
}

} // namespace coppice

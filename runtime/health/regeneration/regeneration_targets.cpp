// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/regeneration/regeneration_targets.hpp"

#include "runtime/spelling.hpp"

#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

namespace coppice {

namespace {

constexpr std::string_view node_prefix = "node:";
constexpr std::string_view service_prefix = "service:";

/// What is asked for, taken apart.
struct target_name {
  std::string_view name;
  std::optional<uint32_t> instance;
  bool may_be_node = true;
  bool may_be_service = true;
};

target_name parse_target(std::string_view x) {
  target_name out;
  if (x.starts_with(node_prefix)) {
    out.may_be_service = false;
    x.remove_prefix(node_prefix.size());
  } else if (x.starts_with(service_prefix)) {
    out.may_be_node = false;
    x.remove_prefix(service_prefix.size());
  }
  out.name = x;
  auto slash = x.rfind('/');
  if (slash == std::string_view::npos || !out.may_be_service)
    return out;
  auto digits = x.substr(slash + 1);
  uint32_t number = 0;
  auto [end, code]
    = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (code == std::errc{} && end == digits.data() + digits.size()) {
    out.name = x.substr(0, slash);
    out.instance = number;
    out.may_be_node = false;
  }
  return out;
}

} // namespace

const node_entry* find_node(const std::vector<node_entry>& nodes,
                            std::string_view name) {
  for (auto& x : nodes)
    if (x.start.node == name && x.state != node_state::forgotten)
      return &x;
  return nullptr;
}

const proto::ServiceRow*
find_service(const std::vector<proto::ServiceRow>& services,
             std::string_view name) {
  for (auto& x : services)
    if (x.spec().name() == name)
      return &x;
  return nullptr;
}

bool is_over(const proto::ServicePlace& x) {
  return x.status() == proto::SERVICE_STOPPED
         || x.status() == proto::SERVICE_FAILED;
}

result<std::vector<proto::RegenerationRow>>
find_targets(const std::string& target, const std::vector<node_entry>& nodes,
             const std::vector<proto::ServiceRow>& services) {
  auto x = parse_target(target);
  auto* node = x.may_be_node ? find_node(nodes, x.name) : nullptr;
  auto* service = x.may_be_service ? find_service(services, x.name) : nullptr;
  if (node && service)
    return error{ec::invalid_argument,
                 "there is a node and a service of the name " + target
                   + "; say node:" + target + " or service:" + target};
  std::vector<proto::RegenerationRow> out;
  if (node) {
    out.emplace_back().set_node(node->start.node);
    return out;
  }
  if (!service)
    return error{ec::not_found, "there is no node and no service "
                                  + in_quotes(target)
                                  + "; 'coppice nodes' and 'coppice service "
                                    "list' list them"};
  for (auto& place : service->places()) {
    if (place.node().empty() || is_over(place)
        || (x.instance && *x.instance != place.instance()))
      continue;
    auto& row = out.emplace_back();
    row.set_node(place.node());
    row.set_service(service->spec().name());
    row.set_instance(place.instance());
  }
  if (out.empty())
    return error{ec::not_found, "no instance of service "
                                  + service->spec().name()
                                  + " that is meant has a place now; 'coppice "
                                    "service show' says why"};
  return out;
}

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/json.hpp"
#include "apps/commands/render.hpp"
#include "apps/commands/text.hpp"
#include "runtime/service/service_rules.hpp"

#include <algorithm>

// The tables of `coppice service`.

namespace coppice {

namespace {

const char* form_name(const proto::ServiceRow& x) {
  return x.spec().form() == proto::NATIVE_SERVICE ? "native" : "process";
}

std::string state_of(const proto::ServiceRow& row) {
  if (row.removed())
    return "leaving";
  auto ready
    = std::count_if(row.places().begin(), row.places().end(),
                    [](auto& x) { return x.status() == proto::SERVICE_READY; });
  return std::to_string(ready) + "/" + std::to_string(instances_of(row.spec()))
         + " ready";
}

std::string place_state(const proto::ServicePlace& x) {
  return x.node().empty() ? "waiting" : describe(x.status());
}

/// Says why something is not as it should be.
std::string notes_of(const proto::ServiceRow& row) {
  std::string out;
  for (auto& x : row.places())
    if (!x.why().empty() && x.status() != proto::SERVICE_READY)
      out += printable(row.spec().name()) + " " + std::to_string(x.instance())
             + ": " + printable(x.why()) + "\n";
  return out;
}

} // namespace

std::string render_services(const std::vector<proto::ServiceRow>& xs,
                            unix_ms now) {
  std::vector<std::vector<std::string>> rows;
  std::string notes;
  for (auto& row : xs) {
    std::string nodes;
    int64_t changed = 0;
    for (auto& x : row.places()) {
      changed = std::max(changed, x.changed_ms());
      if (!x.node().empty())
        nodes += (nodes.empty() ? "" : ",") + x.node();
    }
    rows.push_back({row.spec().name(), form_name(row), state_of(row),
                    render_age(changed, now), std::to_string(row.revision()),
                    nodes});
    notes += notes_of(row);
  }
  return render_table(
           {"SERVICE", "FORM", "STATE", "SINCE", "REVISION", "NODES"}, rows)
         + notes;
}

std::string render_service(const proto::ServiceRow& row, unix_ms now) {
  std::vector<std::vector<std::string>> rows;
  for (auto& x : row.places())
    rows.push_back({std::to_string(x.instance()), place_state(x),
                    render_age(x.changed_ms(), now), x.node(),
                    std::to_string(x.epoch()), x.address()});
  return render_services({row}, now) + "\n"
         + render_table(
           {"INSTANCE", "STATE", "SINCE", "NODE", "EPOCH", "ADDRESS"}, rows)
         + "\n" + printable(to_json(row.spec())) + "\n";
}

} // namespace coppice

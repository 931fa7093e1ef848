// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/regeneration/regeneration_facts.hpp"

#include "runtime/health/node_card.hpp"
#include "runtime/health/node_rules.hpp"
#include "runtime/health/regeneration/regeneration_rules.hpp"
#include "runtime/health/regeneration/regeneration_targets.hpp"
#include "runtime/service/service_rules.hpp"
#include "runtime/task/label_rules.hpp"

#include <algorithm>
#include <utility>

namespace coppice {

namespace {

const proto::ServicePlace* find_place(const proto::ServiceRow& row,
                                      uint32_t instance) {
  for (auto& x : row.places())
    if (x.instance() == instance)
      return &x;
  return nullptr;
}

/// Returns whether a node could have a service, by its role and its labels.
bool could_have(const proto::NodeCard& card, const proto::ServiceRow& row) {
  std::vector<label_rule> rules;
  for (auto& text : row.spec().labels())
    if (auto rule = parse_label_rule(text))
      rules.push_back(std::move(rule.value()));
  return card.worker() && !row.removed()
         && labels_match(rules, {card.labels().begin(), card.labels().end()});
}

/// Returns the cards of all other nodes that take services.
std::vector<proto::NodeCard> cards_beside(const std::string& node,
                                          const std::vector<node_entry>& all) {
  std::vector<proto::NodeCard> out;
  for (auto& x : all)
    if (x.start.node != node && x.state == node_state::healthy
        && !keeps_services_away(x))
      out.push_back(decode_card(x.card));
  return out;
}

void look_at_service(regeneration_facts& out, const proto::RegenerationRow& row,
                     const regeneration_view& all) {
  auto* service = find_service(all.services, row.service());
  out.removed = !service || service->removed();
  out.place = service ? find_place(*service, row.instance()) : nullptr;
}

void look_at_node(regeneration_facts& out, const proto::RegenerationRow& row,
                  const regeneration_view& all) {
  auto card = out.node ? decode_card(out.node->card) : proto::NodeCard{};
  auto others = cards_beside(row.node(), all.nodes);
  for (auto& service : all.services) {
    uint32_t placed = 0;
    auto is_here = false;
    for (auto& place : service.places()) {
      placed += place.node().empty() ? 0 : 1;
      if (place.node() != row.node() || is_over(place))
        continue;
      is_here = true;
      ++out.services_here;
      out.services_begin
        = out.services_begin || place.status() != proto::SERVICE_READY;
    }
    out.services_begin
      = out.services_begin
        || (placed < instances_of(service.spec()) && could_have(card, service));
    out.others_serve
      = out.others_serve
        || (is_here && std::any_of(others.begin(), others.end(), [&](auto& x) {
              return could_have(x, service);
            }));
  }
}

} // namespace

regeneration_facts facts_of(const proto::RegenerationRow& row,
                            const regeneration_view& all) {
  regeneration_facts out;
  out.node = find_node(all.nodes, row.node());
  if (is_of_service(row))
    look_at_service(out, row, all);
  else
    look_at_node(out, row, all);
  // A service may be on another node by now.
  auto& where
    = out.place && !out.place->node().empty() ? out.place->node() : row.node();
  if (auto x = all.said.find(where); x != all.said.end())
    out.said = &x->second;
  return out;
}

} // namespace coppice

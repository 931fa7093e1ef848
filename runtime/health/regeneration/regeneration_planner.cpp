// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/regeneration/regeneration_planner.hpp"

#include "runtime/health/node_card.hpp"
#include "runtime/health/regeneration/regeneration_rules.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

namespace coppice {

namespace {

using vital_list = google::protobuf::RepeatedPtrField<proto::Vital>;

/// Of the cool-down: no more than a thousand times as long.
constexpr uint32_t most_doublings = 10;

/// How many nodes with a role there are, and how many of them can do without
/// one more.
struct head_count {
  size_t all = 0;
  size_t healthy = 0;
};

template <class F>
head_count count(const regeneration_scene& scene, F has_role) {
  head_count out;
  for (auto& x : scene.nodes) {
    if (x.state == node_state::left || !has_role(decode_card(x.card)))
      continue;
    ++out.all;
    out.healthy += x.state == node_state::healthy && !x.regeneration ? 1 : 0;
  }
  return out;
}

std::optional<proto::NodeCard> card_of(const std::string& node,
                                       const regeneration_scene& scene) {
  for (auto& x : scene.nodes)
    if (x.start.node == node)
      return decode_card(x.card);
  return std::nullopt;
}

result<> keeps_quorum(const regeneration_scene& scene) {
  auto managers = count(scene, [](const auto& x) { return x.manager(); });
  // With two or less there is none to spare: it is as short without it as after
  // any restart.
  if (managers.all <= 2 || managers.healthy > managers.all / 2 + 1)
    return ok();
  return error{ec::conflict, "only " + std::to_string(managers.healthy) + " of "
                               + std::to_string(managers.all)
                               + " managers are well: without this one there "
                                 "would be no quorum to spare"};
}

result<> keeps_capacity(const regeneration_scene& scene,
                        const regeneration_policy& policy) {
  auto workers = count(scene, [](const auto& x) { return x.worker(); });
  auto floor = static_cast<size_t>(
    std::ceil(policy.capacity_floor * static_cast<double>(workers.all)));
  if (workers.all <= 1 || workers.healthy > floor)
    return ok();
  return error{ec::conflict, "only " + std::to_string(workers.healthy) + " of "
                               + std::to_string(workers.all)
                               + " workers are well"};
}

/// Returns how long after its end the same thing may be worn out again.
int64_t rest_after(const proto::RegenerationRow& x, uint32_t in_vain,
                   const regeneration_policy& policy) {
  auto doublings = std::min(in_vain, most_doublings);
  return x.ended_ms() + policy.cooldown.count() * (int64_t{1} << doublings);
}

/// The last regenerations of one thing.
struct record {
  const proto::RegenerationRow* last = nullptr;
  /// How many of them, the last ones, did not help.
  uint32_t in_vain = 0;
};

record record_of(const proto::RegenerationRow& x,
                 const regeneration_scene& scene) {
  record out;
  for (auto i = scene.all.rbegin(); i != scene.all.rend(); ++i) {
    // A service is the same one on another node.
    auto same = is_of_service(x)
                  ? i->service() == x.service() && i->instance() == x.instance()
                  : same_target(*i, x);
    if (!same)
      continue;
    if (!out.last)
      out.last = &*i;
    if (i->outcome() == proto::REGENERATED)
      break;
    out.in_vain += is_under_way(*i) ? 0 : 1;
  }
  return out;
}

/// Takes over what is worn.
void set_evidence(proto::RegenerationRow& to, const vital_list& vitals) {
  auto limit_reached = false;
  std::string text;
  for (auto& x : vitals) {
    if (!x.worn() || to.evidence_size() >= max_evidence)
      continue;
    *to.add_evidence() = x;
    limit_reached = limit_reached || x.growth_per_hour() <= 0;
    text += (text.empty() ? "" : "; ") + describe(x);
  }
  to.set_cause(limit_reached ? proto::LIMIT : proto::WEAR);
  to.set_reason(text.substr(0, max_regeneration_words));
}

bool is_worn(const vital_list& xs) {
  return std::any_of(xs.begin(), xs.end(), [](auto& x) { return x.worn(); });
}

/// Returns what is to be regenerated for what one node says; services first.
std::vector<proto::RegenerationRow> worn_of(const proto::VitalsRequest& said,
                                            const regeneration_scene& scene) {
  std::vector<proto::RegenerationRow> out;
  proto::RegenerationRow node;
  node.set_node(said.node());
  for (auto& x : said.instances()) {
    if (!is_worn(x.vitals()))
      continue;
    auto row = node;
    row.set_service(x.service());
    row.set_instance(x.instance());
    set_evidence(row, x.vitals());
    // One step up the ladder, where the first one did not help.
    auto before = record_of(row, scene);
    if (before.last && before.last->outcome() == proto::NOT_CURED
        && before.last->node() == said.node())
      set_evidence(node, x.vitals());
    else
      out.push_back(std::move(row));
  }
  if (is_worn(said.vitals()))
    set_evidence(node, said.vitals());
  if (out.empty() && node.evidence_size() > 0)
    out.push_back(std::move(node));
  return out;
}

} // namespace

result<> may_begin(const proto::RegenerationRow& x,
                   const regeneration_scene& scene,
                   const regeneration_policy& policy) {
  if (is_of_service(x))
    return ok();
  auto card = card_of(x.node(), scene);
  if (!card)
    return error{ec::not_found, "there is no node " + x.node()
                                  + "; 'coppice nodes' lists them"};
  auto under_way
    = std::count_if(scene.all.begin(), scene.all.end(), [](auto& y) {
        return is_under_way(y) && !is_of_service(y);
      });
  if (static_cast<size_t>(under_way) >= policy.max_parallel)
    return error{ec::conflict,
                 std::to_string(under_way)
                   + " nodes are being regenerated, and "
                     "regeneration.max_parallel allows no more at once"};
  return card->manager() ? keeps_quorum(scene) : ok();
}

std::vector<proto::RegenerationRow>
what_wears(const regeneration_scene& scene, const regeneration_policy& policy,
           int64_t now_ms) {
  std::vector<proto::RegenerationRow> out;
  for (auto* said : scene.said)
    for (auto& x : worn_of(*said, scene)) {
      auto before = record_of(x, scene);
      if (before.last
          && (is_under_way(*before.last)
              || now_ms < rest_after(*before.last, before.in_vain, policy)))
        continue;
      if (!may_begin(x, scene, policy))
        continue;
      if (!is_of_service(x) && !keeps_capacity(scene, policy))
        continue;
      out.push_back(std::move(x));
    }
  return out;
}

} // namespace coppice

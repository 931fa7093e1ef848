// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/regeneration/regeneration_planner.hpp"

#include "runtime/duration.hpp"
#include "runtime/health/node_card.hpp"
#include "runtime/health/regeneration/regeneration_rules.hpp"
#include "runtime/health/regeneration/regeneration_steps.hpp"
#include "runtime/stable_hash.hpp"

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

/// Of a limit: what has as much is at it.
constexpr double full = 0.95;

/// Of `every`: nodes differ by so much at most.
constexpr double jitter = 0.25;

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

bool is_cut_back(const std::string& node, const regeneration_scene& scene) {
  return std::any_of(scene.all.begin(), scene.all.end(), [&](auto& y) {
    return is_under_way(y) && !is_of_service(y) && y.node() == node;
  });
}

/// Returns how long after its end the same thing may be worn out again.
int64_t rest_after(const proto::RegenerationRow& x, uint32_t in_vain,
                   const regeneration_policy& policy) {
  auto doublings = std::min(in_vain, most_doublings);
  return x.ended_ms() + policy.cooldown.count() * (int64_t{1} << doublings);
}

/// Returns whether it was at its limit again as soon as it could be said: it is
/// born old, and another time helps no more. What only grows is another matter:
/// that is what regeneration is for.
bool is_born_old(const proto::RegenerationRow& x,
                 const proto::RegenerationRow& before, uint32_t in_vain,
                 const regeneration_policy& policy) {
  if (x.cause() != proto::LIMIT || x.steps().empty())
    return false;
  auto rest = rest_after(before, in_vain, policy) - before.ended_ms();
  return x.steps(0).at_ms() - before.ended_ms() <= rest + rest / 4;
}

/// The last regenerations of one thing.
struct record {
  const proto::RegenerationRow* last = nullptr;
  /// How many of them, the last ones, did not help.
  uint32_t in_vain = 0;
};

record record_of(const proto::RegenerationRow& x,
                 const regeneration_scene& scene,
                 const regeneration_policy& policy) {
  record out;
  for (auto& row : scene.all) {
    // A service is the same one on another node.
    auto same = is_of_service(x) ? row.service() == x.service()
                                     && row.instance() == x.instance()
                                 : same_target(row, x);
    if (!same)
      continue;
    // A success counts only when it has lasted.
    if (out.last && out.last->outcome() == proto::REGENERATED)
      out.in_vain = is_born_old(row, *out.last, out.in_vain, policy)
                      ? out.in_vain + 1
                      : 0;
    if (!is_under_way(row) && row.outcome() != proto::REGENERATED)
      ++out.in_vain;
    out.last = &row;
  }
  // What grows has a reason to come back that a limit has not.
  if (out.last && out.last->outcome() == proto::REGENERATED
      && x.cause() != proto::LIMIT)
    out.in_vain = 0;
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

/// What nodes say may be anything.
std::chrono::milliseconds to_ms(uint64_t x) {
  constexpr uint64_t most = max_stated_duration.count();
  return std::chrono::milliseconds{std::min(x, most)};
}

/// Parts of a second tell nobody anything, nor do seconds of days.
std::string for_people(std::chrono::milliseconds x) {
  using namespace std::chrono;
  if (x >= days{1})
    return format_duration(floor<hours>(x));
  return format_duration(x >= minutes{1} ? floor<seconds>(x) : x);
}

bool is_worn(const vital_list& xs) {
  return std::any_of(xs.begin(), xs.end(), [](auto& x) { return x.worn(); });
}

/// Returns what is to be regenerated for what one node says; services first.
std::vector<proto::RegenerationRow> worn_of(const proto::VitalsRequest& said,
                                            const regeneration_scene& scene,
                                            const regeneration_policy& policy) {
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
    auto before = record_of(row, scene, policy);
    if (before.last && before.last->outcome() == proto::NOT_CURED
        && before.last->node() == said.node())
      set_evidence(node, vitals_in_node(x));
    else
      out.push_back(std::move(row));
  }
  if (is_worn(said.vitals()))
    set_evidence(node, said.vitals());
  if (out.empty() && node.evidence_size() > 0)
    out.push_back(std::move(node));
  return out;
}

/// Returns whether something of it has run out already, or soon will have.
bool is_at_limit(const proto::RegenerationRow& x) {
  return x.cause() == proto::LIMIT
         || std::any_of(x.evidence().begin(), x.evidence().end(), [](auto& y) {
              return y.limit() > 0 && y.value() >= full * y.limit();
            });
}

/// Returns the nodes that are as old as was planned, the one that has waited
/// longest first.
std::vector<proto::RegenerationRow>
old_ones(const regeneration_scene& scene, const regeneration_policy& policy) {
  std::vector<std::pair<int64_t, proto::RegenerationRow>> found;
  for (auto* said : scene.said) {
    auto age = to_ms(said->age_ms());
    auto most = oldest(said->node(), policy);
    if (policy.every.count() <= 0 || age < most)
      continue;
    proto::RegenerationRow row;
    row.set_node(said->node());
    row.set_cause(proto::AGE);
    row.set_reason("it has run for " + for_people(age)
                   + ", and 'regeneration.every' lets it run for "
                   + for_people(most));
    found.emplace_back((most - age).count(), std::move(row));
  }
  std::stable_sort(found.begin(), found.end(),
                   [](auto& x, auto& y) { return x.first < y.first; });
  std::vector<proto::RegenerationRow> out;
  for (auto& [waits, row] : found)
    out.push_back(std::move(row));
  return out;
}

} // namespace

bool daily_hours::contain(int64_t now_ms) const {
  using namespace std::chrono;
  constexpr auto day = milliseconds{24h};
  auto at = milliseconds{now_ms} % day;
  return from <= to ? at >= from && at < to : at >= from || at < to;
}

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

std::chrono::milliseconds oldest(std::string_view node,
                                 const regeneration_policy& policy) {
  auto share = static_cast<double>(stable_hash(node) >> 48) / 0x10000;
  auto every = static_cast<double>(policy.every.count());
  return regeneration_policy::ms{
    static_cast<int64_t>(every * (1 - jitter * share))};
}

std::vector<proto::RegenerationRow>
what_wears(const regeneration_scene& scene, const regeneration_policy& policy,
           int64_t now_ms) {
  auto is_quiet = policy.quiet && policy.quiet->contain(now_ms);
  std::vector<proto::RegenerationRow> out;
  auto add = [&](proto::RegenerationRow x) {
    if (is_quiet && !is_at_limit(x))
      return;
    auto before = record_of(x, scene, policy);
    if (before.last
        && (is_under_way(*before.last)
            || now_ms < rest_after(*before.last, before.in_vain, policy)))
      return;
    // What its node has is restarted with it.
    if (is_cut_back(x.node(), scene) || !may_begin(x, scene, policy))
      return;
    if (!is_of_service(x) && !keeps_capacity(scene, policy))
      return;
    out.push_back(std::move(x));
  };
  for (auto* said : scene.said)
    for (auto& x : worn_of(*said, scene, policy))
      add(std::move(x));
  for (auto& x : old_ones(scene, policy))
    add(std::move(x));
  return out;
}

} // namespace coppice

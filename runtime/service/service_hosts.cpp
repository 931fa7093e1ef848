// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/service/service_hosts.hpp"

#include "runtime/health/node_card.hpp"
#include "runtime/health/node_rules.hpp"
#include "runtime/task/label_rules.hpp"

#include <algorithm>

namespace coppice {

namespace {

/// Who asks is remembered for so long, if the list of nodes does not know it.
constexpr auto stranger_kept = std::chrono::minutes{10};

/// Returns the rules of a spec that was checked when it was applied.
std::vector<label_rule> rules_of(const proto::ServiceSpec& spec) {
  std::vector<label_rule> rules;
  for (auto& text : spec.labels())
    if (auto rule = parse_label_rule(text))
      rules.push_back(std::move(rule.value()));
  return rules;
}

bool is_same(const proto::ServiceReport& x, const proto::ServiceReport& y) {
  return x.service() == y.service() && x.instance() == y.instance()
         && x.epoch() == y.epoch() && x.status() == y.status()
         && x.address() == y.address() && x.why() == y.why();
}

} // namespace

service_host_limits host_limits(std::chrono::milliseconds lease) {
  service_host_limits x;
  x.lease = lease;
  x.fresh = longest_wait(x) + std::chrono::seconds{4};
  x.patience = std::max(x.patience, lease);
  return x;
}

std::chrono::milliseconds longest_wait(const service_host_limits& x) {
  return std::min(x.lease / 4, std::chrono::milliseconds{5'000});
}

// -- modifiers ----------------------------------------------------------------

void service_hosts::learn(const node_entry& x) {
  auto& known = list_[x.start.node];
  if (known.row.changed > x.changed)
    return;
  auto card = decode_card(x.card);
  known = {x, {card.labels().begin(), card.labels().end()}};
}

bool service_hosts::heard(const proto::ServicesRequest& x, time_point now) {
  auto [found, fresh] = hosts_.try_emplace(x.node());
  auto& known = found->second;
  if (x.incarnation() < known.incarnation)
    return false; // An earlier start, late.
  auto same = !fresh && known.incarnation == x.incarnation()
              && known.asked + limits_.fresh > now
              && std::equal(known.reports.begin(), known.reports.end(),
                            x.reports().begin(), x.reports().end(), is_same)
              && known.known == x.known();
  known.incarnation = x.incarnation();
  known.asked = now;
  known.known = x.known();
  known.reports.assign(x.reports().begin(), x.reports().end());
  return !same;
}

void service_hosts::sweep(time_point now) {
  std::erase_if(
    list_, [](auto& x) { return x.second.row.state == node_state::forgotten; });
  std::erase_if(hosts_, [&](auto& x) {
    return list_.count(x.first) == 0 && x.second.asked + stranger_kept < now;
  });
}

// -- properties ---------------------------------------------------------------

const service_hosts::asker* service_hosts::find(const std::string& node,
                                                uint64_t incarnation) const {
  auto found = hosts_.find(node);
  return found != hosts_.end() && found->second.incarnation == incarnation
           ? &found->second
           : nullptr;
}

service_hosts::standing service_hosts::look(const std::string& node,
                                            uint64_t incarnation,
                                            time_point now) const {
  auto asked = hosts_.find(node);
  if (asked != hosts_.end() && asked->second.incarnation > incarnation)
    return standing::gone;
  auto* host = find(node, incarnation);
  auto is_fresh = host && now < host->asked + limits_.fresh;
  auto listed = list_.find(node);
  // Of a start that the list does not know only the node itself can tell.
  if (listed == list_.end()
      || listed->second.row.start.incarnation < incarnation
      || listed->second.row.state == node_state::forgotten)
    return is_fresh || !settled(now) ? standing::here : standing::lost;
  auto& row = listed->second.row;
  if (row.start.incarnation > incarnation || row.state == node_state::left)
    return standing::gone;
  // It may have asked just before.
  if (row.state == node_state::down)
    return standing::lost;
  auto heard = host ? host->asked : began_;
  return now < heard + limits_.patience ? standing::here : standing::lost;
}

bool service_hosts::lease_is_over(const std::string& node,
                                  time_point now) const {
  // A former leader may have answered until this lead began.
  auto last = began_;
  if (auto found = hosts_.find(node); found != hosts_.end())
    last = std::max(last, found->second.asked);
  return now >= last + limits_.lease;
}

bool service_hosts::is_drained(const std::string& node) const {
  auto found = list_.find(node);
  return found != list_.end() && keeps_services_away(found->second.row);
}

bool service_hosts::is_closing(const std::string& node) const {
  auto found = list_.find(node);
  return found != list_.end() && sends_services_away(found->second.row);
}

const proto::ServiceReport*
service_hosts::report(const proto::ServicePlace& place,
                      const std::string& service) const {
  auto* host = find(place.node(), place.incarnation());
  if (!host)
    return nullptr;
  for (auto& x : host->reports)
    if (x.service() == service && x.instance() == place.instance()
        && x.epoch() == place.epoch())
      return &x;
  return nullptr;
}

bool service_hosts::lacks(const proto::ServicePlace& place,
                          const std::string& service, uint64_t version) const {
  auto* host = find(place.node(), place.incarnation());
  return host && host->known >= version && !report(place, service);
}

bool service_hosts::may_have_more(const listed_node& x, time_point now) const {
  auto& row = x.row;
  auto* host = find(row.start.node, row.start.incarnation);
  return row.state == node_state::healthy && !keeps_services_away(row) && host
         && now < host->asked + limits_.fresh;
}

std::vector<service_hosts::candidate>
service_hosts::candidates(const proto::ServiceSpec& spec,
                          time_point now) const {
  auto rules = rules_of(spec);
  std::vector<candidate> out;
  for (auto& [node, x] : list_)
    if (may_have_more(x, now) && labels_match(rules, x.labels))
      out.push_back({node, x.row.start.incarnation});
  return out;
}

std::string service_hosts::why_none(const proto::ServiceSpec& spec,
                                    time_point now) const {
  auto rules = rules_of(spec);
  std::string mismatch;
  auto any = false;
  for (auto& [node, x] : list_) {
    if (!may_have_more(x, now))
      continue;
    any = true;
    if (auto why = explain_mismatch(rules, x.labels); why && mismatch.empty())
      mismatch = node + " does not meet " + *why;
  }
  if (!any)
    return "there is no worker node that is healthy and not drained";
  return "no worker node has the labels: " + mismatch;
}

} // namespace coppice

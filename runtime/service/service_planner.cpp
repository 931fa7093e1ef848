// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/service/service_planner.hpp"

#include "runtime/service/service_rules.hpp"
#include "runtime/utf8.hpp"

#include <algorithm>
#include <tuple>

namespace coppice {

namespace {

using standing = service_hosts::standing;

/// More than any node has to say.
constexpr size_t max_address_bytes = 300;
constexpr size_t max_why_bytes = 500;

/// Returns whether it will not run any more in its epoch.
bool is_over(const proto::ServicePlace& x) {
  return x.status() == proto::SERVICE_STOPPED
         || x.status() == proto::SERVICE_FAILED;
}

std::string cut(const std::string& x, size_t limit) {
  return std::string{utf8_prefix(x, limit)};
}

bool is_equal(const std::vector<proto::ServicePlace>& xs,
              const proto::ServiceRow& row) {
  return std::equal(xs.begin(), xs.end(), row.places().begin(),
                    row.places().end(), [](auto& x, auto& y) {
                      return x.SerializeAsString() == y.SerializeAsString();
                    });
}

} // namespace

struct service_planner::look {
  const proto::ServiceRow& row;
  time_point now;
  /// As they are to be.
  std::vector<proto::ServicePlace> places;
  /// Nodes that instances have just come from.
  std::map<uint32_t, std::string> from{};
  std::vector<std::string> notes{};

  const std::string& name() const {
    return row.spec().name();
  }

  bool is_wanted(uint32_t instance) const {
    return !row.removed() && instance < instances_of(row.spec());
  }

  bool has(uint32_t instance) const {
    return std::any_of(places.begin(), places.end(),
                       [&](auto& x) { return x.instance() == instance; });
  }

  /// Returns whether *place* was asked to leave, as the row has it.
  bool was_leaving(const proto::ServicePlace& place) const {
    return std::any_of(row.places().begin(), row.places().end(), [&](auto& x) {
      return x.instance() == place.instance() && x.epoch() == place.epoch()
             && x.status() == proto::SERVICE_LEAVING;
    });
  }

  /// Returns how many instances take no requests.
  size_t unavailable() const {
    auto ready = std::count_if(places.begin(), places.end(), [&](auto& x) {
      return is_wanted(x.instance()) && x.status() == proto::SERVICE_READY;
    });
    auto wanted = row.removed() ? 0u : instances_of(row.spec());
    return wanted - std::min<size_t>(wanted, static_cast<size_t>(ready));
  }
};

// -- steps --------------------------------------------------------------------

std::optional<service_step>
service_planner::next(const row_list& rows,
                      const std::set<std::string>& dropped,
                      const std::set<std::string>& busy, time_point now) {
  load_.clear();
  for (auto& row : rows)
    for (auto& place : row.places())
      if (!place.node().empty())
        ++load_[place.node()];
  for (auto& row : rows) {
    auto& name = row.spec().name();
    if (busy.count(name) > 0)
      continue;
    look x{row, now, {row.places().begin(), row.places().end()}};
    look_at(x);
    service_step step;
    step.service = name;
    step.based_on = row.changed();
    if (!is_equal(x.places, row)) {
      step.places = std::move(x.places);
      step.notes = std::move(x.notes);
      return step;
    }
    if (!row.removed() || !x.places.empty())
      continue;
    step.kind = has_journal(row.spec()) && dropped.count(name) == 0
                  ? service_step::kind_type::drop
                  : service_step::kind_type::erase;
    step.number = row.number();
    step.shard = row.shard();
    return step;
  }
  return std::nullopt;
}

void service_planner::look_at(look& x) {
  for (auto& place : x.places)
    merge_report(x, place);
  remember(x);
  clear_ended(x);
  ask_to_leave(x);
  give(x);
}

result<std::vector<proto::ServicePlace>>
service_planner::move(const proto::ServiceRow& row, time_point now) const {
  std::vector<proto::ServicePlace> out{row.places().begin(),
                                       row.places().end()};
  auto candidates = hosts.candidates(row.spec(), now);
  auto moved = false;
  for (auto& place : out) {
    auto other = std::any_of(candidates.begin(), candidates.end(),
                             [&](auto& y) { return y.node != place.node(); });
    if (place.node().empty() || !other)
      continue;
    place.set_revision(0);
    moved = true;
  }
  if (!moved)
    return error{ec::conflict, "service " + row.spec().name()
                                 + ": there is no other node that may have it"};
  return out;
}

// -- what nodes say -----------------------------------------------------------

void service_planner::merge_report(look& x, proto::ServicePlace& place) {
  auto* said = hosts.report(place, x.name());
  if (!said || is_over(place))
    return;
  auto leaves = place.status() == proto::SERVICE_LEAVING;
  switch (said->status()) {
    case proto::SERVICE_STARTING:
    case proto::SERVICE_READY:
    case proto::SERVICE_UNHEALTHY:
      if (leaves)
        return;
      break;
    case proto::SERVICE_STOPPED:
    case proto::SERVICE_FAILED:
      break;
    default: // It has nothing to say yet.
      return;
  }
  place.set_status(leaves ? proto::SERVICE_STOPPED : said->status());
  place.set_address(cut(said->address(), max_address_bytes));
  place.set_why(cut(said->why(), max_why_bytes));
}

void service_planner::remember(const look& x) {
  for (auto& place : x.places) {
    auto& known = records_[{x.row.number(), place.instance()}];
    if (known.epoch != place.epoch()) {
      known.epoch = place.epoch();
      known.failed = false;
      known.ready_since.reset();
    }
    auto began_well
      = known.ready_since && x.now >= *known.ready_since + retry_.settled;
    if (place.status() == proto::SERVICE_READY && !known.ready_since)
      known.ready_since = x.now;
    // Who was asked to stop, or whose node stops, has nothing to say of it.
    auto in_order = place.status() == proto::SERVICE_STOPPED
                    && (x.was_leaving(place) || place.why().empty());
    if (known.failed || !is_over(place) || in_order)
      continue;
    known.failed = true;
    known.failures = began_well ? 1 : known.failures + 1;
    known.where = place.node();
    auto doublings = std::min(known.failures - 1, 16u);
    known.due
      = x.now
        + std::min(retry_.backoff_min * (1 << doublings), retry_.backoff_max);
  }
}

// -- what ends ----------------------------------------------------------------

void service_planner::clear_ended(look& x) {
  auto is_ended = [&](const proto::ServicePlace& place) {
    if (place.node().empty())
      return !x.is_wanted(place.instance());
    auto stands = hosts.look(place.node(), place.incarnation(), x.now);
    if (stands == standing::here) {
      if (place.status() == proto::SERVICE_FAILED)
        return !x.is_wanted(place.instance())
               || x.now >= records_[{x.row.number(), place.instance()}].due;
      return place.status() == proto::SERVICE_STOPPED
             || (place.status() == proto::SERVICE_LEAVING
                 && hosts.lacks(place, x.name(), x.row.changed()));
    }
    if (is_over(place) || stands == standing::gone)
      return true;
    return !x.row.spec().exclusive()
           || hosts.lease_is_over(place.node(), x.now);
  };
  std::erase_if(x.places, [&](auto& place) {
    if (!is_ended(place))
      return false;
    if (!place.node().empty()) {
      x.from[place.instance()] = place.node();
      if (!is_over(place) && place.status() != proto::SERVICE_LEAVING)
        x.notes.push_back("service " + x.name() + ": instance "
                          + std::to_string(place.instance()) + " was on node "
                          + place.node() + ", which has ended or is silent");
    }
    return true;
  });
}

// -- what leaves --------------------------------------------------------------

void service_planner::ask_to_leave(look& x) {
  auto unavailable = x.unavailable();
  auto is_free = [&](const proto::ServicePlace& place) {
    auto found = hosts.candidates(x.row.spec(), x.now);
    return std::any_of(found.begin(), found.end(),
                       [&](auto& y) { return y.node != place.node(); });
  };
  for (auto& place : x.places) {
    if (place.node().empty() || is_over(place)
        || place.status() == proto::SERVICE_LEAVING)
      continue;
    auto wanted = x.is_wanted(place.instance());
    if (wanted) {
      auto is_old = place.revision() != x.row.revision();
      // Where nobody else can have it, it stays until its node stops.
      auto is_drained = hosts.is_drained(place.node()) && is_free(place);
      auto is_ready = place.status() == proto::SERVICE_READY;
      auto may_stay = !is_old && !is_drained;
      if (!hosts.is_closing(place.node())
          && (may_stay || (is_ready && unavailable > 0)))
        continue;
      unavailable += is_ready ? 1 : 0;
    }
    place.set_status(proto::SERVICE_LEAVING);
    place.clear_why();
  }
}

// -- what comes ---------------------------------------------------------------

bool service_planner::backs_off(const look& x, uint32_t instance,
                                const std::string& node) const {
  auto known = records_.find({x.row.number(), instance});
  return known != records_.end() && known->second.where == node
         && x.now < known->second.due;
}

std::optional<service_hosts::candidate>
service_planner::choose(const look& x, uint32_t instance) const {
  auto found = hosts.candidates(x.row.spec(), x.now);
  auto left = x.from.find(instance);
  auto cost = [&](const service_hosts::candidate& y) {
    auto own = std::count_if(x.places.begin(), x.places.end(), [&](auto& z) {
      return z.node() == y.node && z.instance() != instance;
    });
    auto avoided = left != x.from.end() && left->second == y.node;
    auto load = load_.find(y.node);
    return std::tuple{backs_off(x, instance, y.node), own, avoided,
                      load == load_.end() ? 0 : load->second};
  };
  auto best
    = std::min_element(found.begin(), found.end(),
                       [&](auto& y, auto& z) { return cost(y) < cost(z); });
  return best == found.end() ? std::nullopt : std::optional{*best};
}

void service_planner::give(look& x) {
  if (x.row.removed())
    return;
  for (auto& place : x.places)
    if (place.node().empty())
      give(x, place);
  for (uint32_t i = 0; i < instances_of(x.row.spec()); ++i) {
    if (x.has(i))
      continue;
    proto::ServicePlace place;
    place.set_instance(i);
    give(x, place);
    if (!place.node().empty() || !place.why().empty())
      x.places.push_back(std::move(place));
  }
}

void service_planner::give(look& x, proto::ServicePlace& place) {
  auto to = choose(x, place.instance());
  if (!to) {
    // Nodes may not have found this leader yet.
    if (hosts.settled(x.now) || !place.why().empty())
      place.set_why(cut(hosts.why_none(x.row.spec(), x.now), max_why_bytes));
    return;
  }
  if (backs_off(x, place.instance(), to->node))
    return; // It would fail again at once.
  auto instance = place.instance();
  place.Clear();
  place.set_instance(instance);
  place.set_node(to->node);
  place.set_incarnation(to->incarnation);
  place.set_revision(x.row.revision());
  ++load_[to->node];
}

} // namespace coppice

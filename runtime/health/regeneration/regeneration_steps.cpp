// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/regeneration/regeneration_steps.hpp"

#include "runtime/health/regeneration/regeneration_rules.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace coppice {

namespace {

using vital_list = google::protobuf::RepeatedPtrField<proto::Vital>;

using step = std::optional<proto::RegenerationStep>;

/// Of what it was: a measurement that is not below is the same one.
constexpr double cured_share = 0.95;

/// One regeneration that is looked at.
struct look {
  const proto::RegenerationRow& row;
  const regeneration_facts& facts;
  const regeneration_limits& limits;
  int64_t now_ms;

  bool lasts(std::chrono::milliseconds limit) const {
    auto since = row.steps().empty() ? now_ms : row.steps().rbegin()->at_ms();
    return now_ms - since >= limit.count();
  }

  /// A phase may be long when its node goes down.
  bool is_down_for(std::chrono::milliseconds limit) const {
    return lasts(limit) && now_ms - facts.node->changed_ms >= limit.count();
  }

  proto::RegenerationStep go(proto::RegenerationPhase to) const {
    proto::RegenerationStep x;
    x.set_number(row.number());
    x.set_from(row.phase());
    x.set_to(to);
    return x;
  }

  proto::RegenerationStep go(proto::RegenerationPhase to,
                             std::string why) const {
    auto x = go(to);
    x.set_why(std::move(why));
    return x;
  }

  proto::RegenerationStep end(proto::RegenerationEnd outcome,
                              std::string why) const {
    auto x = go(row.phase(), std::move(why));
    x.set_outcome(outcome);
    return x;
  }

  proto::RegenerationStep readmit() const {
    auto x = go(proto::READMIT);
    x.set_outcome(proto::REGENERATED);
    return x;
  }

  proto::RegenerationPhase next_phase() const {
    return static_cast<proto::RegenerationPhase>(row.phase() + 1);
  }

  /// What the start of the node that lives now said.
  const proto::VitalsRequest* said() const {
    return facts.said && facts.node
               && facts.said->incarnation() == facts.node->start.incarnation
             ? facts.said
             : nullptr;
  }

  /// Returns whether the node has done its part of the phase.
  bool is_done() const {
    auto* x = said();
    return x && x->regeneration() == row.number() && x->done() >= row.phase();
  }

  /// Returns whether services have to leave first.
  bool awaits_services() const {
    if (facts.services_here == 0)
      return false;
    auto can_move = facts.others_serve && !lasts(limits.move);
    return row.phase() == proto::CAPTURE
           || (row.phase() == proto::DRAIN && can_move);
  }

  std::string waits_for() const {
    auto* x = said();
    std::string what = x ? x->waits_for() : "";
    if (awaits_services())
      what += (what.empty() ? "" : " and ")
              + std::to_string(facts.services_here) + " services";
    return what.empty() ? "" : ": it waits for " + what;
  }
};

// -- nodes --------------------------------------------------------------------

/// While the start that is to be cut back lives.
step before_restart(const look& x) {
  switch (x.facts.node->state) {
    case node_state::left:
      return x.end(proto::ROLLED_BACK, "the node was stopped");
    case node_state::down:
      // Its keeper starts it again: that is all it needs.
      if (x.is_down_for(x.limits.restart))
        return x.end(proto::LOST, "the node is down");
      return std::nullopt;
    default:
      break;
  }
  if (x.is_done() && !x.awaits_services())
    return x.go(x.next_phase());
  switch (x.row.phase()) {
    case proto::QUIESCE:
      if (x.lasts(x.limits.quiesce))
        return x.end(proto::ROLLED_BACK, "the node did not answer");
      return std::nullopt;
    case proto::DRAIN: {
      auto ends = x.row.drain_deadline_ms() + x.limits.drain_grace.count();
      if (x.row.drain_deadline_ms() != 0 && x.now_ms >= ends)
        return x.go(proto::CAPTURE,
                    "not everything ended or moved in time" + x.waits_for());
      return std::nullopt;
    }
    default:
      if (x.lasts(x.limits.capture))
        return x.end(proto::ROLLED_BACK,
                     "the state was not saved in time" + x.waits_for());
      return std::nullopt;
  }
}

step restart(const look& x) {
  if (!x.lasts(x.limits.restart))
    return std::nullopt;
  if (x.facts.node->state == node_state::healthy)
    return x.end(proto::ROLLED_BACK, "the node did not end");
  return x.end(proto::LOST, "the node did not come back");
}

step restore(const look& x) {
  if (x.is_done() && !x.facts.services_begin)
    return x.go(proto::VERIFY);
  if (!x.lasts(x.limits.restore))
    return std::nullopt;
  return x.go(proto::VERIFY,
              "not everything that it had was ready in time" + x.waits_for());
}

step verify(const look& x) {
  auto judge = [&]() -> std::optional<bool> {
    if (!x.is_done())
      return std::nullopt;
    auto now = x.said()->vitals();
    for (auto& y : x.said()->instances())
      now.MergeFrom(vitals_in_node(y));
    return is_cured(x.row.evidence(), now);
  };
  auto cured = judge();
  if (cured == true)
    return x.readmit();
  if (cured == false)
    return x.end(proto::NOT_CURED,
                 "what was worn is not younger after its new start");
  if (x.lasts(x.limits.verify))
    return x.end(proto::NOT_CURED, "the node did not say how it is");
  return std::nullopt;
}

step next_of_node(const look& x) {
  auto* node = x.facts.node;
  if (!node)
    return x.end(proto::LOST, "the node was forgotten");
  auto phase = x.row.phase();
  if (phase < proto::RESTORE && node->start.incarnation > x.row.incarnation()) {
    auto to = x.go(proto::RESTORE);
    to.set_successor(node->start.incarnation);
    if (phase < proto::RESTART)
      to.set_why("its process ended by itself before it was to");
    return to;
  }
  switch (phase) {
    case proto::QUIESCE:
    case proto::DRAIN:
    case proto::CAPTURE:
      return before_restart(x);
    case proto::RESTART:
      return restart(x);
    case proto::RESTORE:
      return restore(x);
    case proto::VERIFY:
      return verify(x);
    default:
      return std::nullopt;
  }
}

// -- services -----------------------------------------------------------------

step leave(const look& x) {
  auto* place = x.facts.place;
  auto gone = !place || place->epoch() != x.row.epoch()
              || place->status() == proto::SERVICE_STOPPED
              || place->status() == proto::SERVICE_FAILED;
  if (gone)
    return x.go(proto::RESTART);
  // It waits for its turn, if there are others of it that are not ready.
  if (x.row.phase() == proto::QUIESCE
      && place->status() == proto::SERVICE_LEAVING)
    return x.go(proto::DRAIN);
  if (x.lasts(x.limits.leave))
    return x.end(proto::ROLLED_BACK, "it did not stop in time");
  return std::nullopt;
}

step come_back(const look& x) {
  auto* place = x.facts.place;
  auto begun
    = place && place->epoch() > x.row.epoch() && !place->node().empty();
  if (begun && x.row.phase() == proto::RESTART) {
    auto to = x.go(proto::RESTORE);
    to.set_successor(place->epoch());
    return to;
  }
  if (begun && place->status() == proto::SERVICE_READY)
    return x.go(proto::VERIFY);
  if (x.lasts(x.limits.restart))
    return x.end(proto::LOST, place && !place->why().empty()
                                ? place->why()
                                : "it was not ready again in time");
  return std::nullopt;
}

step verify_instance(const look& x) {
  if (x.row.evidence().empty())
    return x.readmit();
  if (auto* said = x.facts.said)
    for (auto& y : said->instances())
      if (y.service() == x.row.service() && y.instance() == x.row.instance()
          && y.epoch() > x.row.epoch() && !y.vitals().empty())
        return is_cured(x.row.evidence(), y.vitals())
                 ? x.readmit()
                 : x.end(proto::NOT_CURED,
                         "what was worn is not younger after its new start");
  if (x.lasts(x.limits.verify))
    return x.end(proto::NOT_CURED, "its node did not say how it is");
  return std::nullopt;
}

step next_of_service(const look& x) {
  if (x.facts.removed)
    return x.end(proto::ROLLED_BACK, "the service was removed");
  switch (x.row.phase()) {
    case proto::QUIESCE:
    case proto::DRAIN:
    case proto::CAPTURE:
      return leave(x);
    case proto::RESTART:
    case proto::RESTORE:
      return come_back(x);
    case proto::VERIFY:
      return verify_instance(x);
    default:
      return std::nullopt;
  }
}

} // namespace

step next_step(const proto::RegenerationRow& row,
               const regeneration_facts& facts,
               const regeneration_limits& limits, int64_t now_ms) {
  if (!is_under_way(row))
    return std::nullopt;
  look x{row, facts, limits, now_ms};
  return is_of_service(row) ? next_of_service(x) : next_of_node(x);
}

vital_list vitals_in_node(const proto::VitalsRequest::Instance& x) {
  auto out = x.vitals();
  for (auto& y : out)
    y.set_name(y.name() + " of " + x.service() + '/'
               + std::to_string(x.instance()));
  return out;
}

bool is_cured(const vital_list& evidence, const vital_list& now) {
  return std::all_of(evidence.begin(), evidence.end(), [&](auto& before) {
    auto same = std::find_if(now.begin(), now.end(), [&](auto& x) {
      return x.name() == before.name();
    });
    return same == now.end() || same->value() < before.value() * cured_share;
  });
}

} // namespace coppice

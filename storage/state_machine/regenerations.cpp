// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The commands of the cluster group that are about regenerations. What is cut
// back says so in its own row too, so that all who have to do with it know.

#include "runtime/health/node_message.hpp"
#include "runtime/health/node_rules.hpp"
#include "runtime/health/regeneration/regeneration_rules.hpp"
#include "runtime/utf8.hpp"
#include "storage/node_list_rows.hpp"
#include "storage/regeneration_tables.hpp"
#include "storage/service_tables.hpp"
#include "storage/state_machine/commands.hpp"

#include <algorithm>

namespace coppice::state_machine {

namespace {

/// So many are kept.
constexpr size_t max_regenerations = 1'000;

/// What a command changes, and what it says.
struct regeneration_change {
  context ctx;
  proto::RegenerationOutcome& outcome;

  void refuse(ec code, std::string why) {
    set_error(*outcome.mutable_error(), code, std::move(why));
  }
};

proto::Event event_of(const proto::RegenerationRow& x) {
  proto::Event out;
  out.set_kind(proto::Event::REGENERATION);
  out.set_node(x.node());
  out.set_incarnation(x.incarnation());
  auto text = "regeneration " + std::to_string(x.number()) + " of "
              + describe_target(x);
  if (is_under_way(x))
    text += std::string{" begins, "} + describe(x.cause())
            + (x.reason().empty() ? "" : ": " + x.reason());
  else
    text += std::string{": "} + describe(x.outcome())
            + (x.why().empty() ? "" : ", " + x.why());
  out.set_text(std::string{utf8_prefix(text, max_regeneration_words)});
  return out;
}

void enter(proto::RegenerationRow& row, proto::RegenerationPhase phase,
           int64_t now_ms) {
  row.set_phase(phase);
  auto& step = *row.add_steps();
  step.set_phase(phase);
  step.set_at_ms(now_ms);
}

/// Writes what the list says of a node that is regenerated, and the event.
void tell_node(regeneration_change& x, const proto::RegenerationRow& row,
               const node_entry& node) {
  std::optional<node_regeneration> now;
  if (is_under_way(row))
    now = node_regeneration{row.number(), row.phase(), row.steps(0).at_ms(),
                            row.drain_deadline_ms(), row.incarnation()};
  *x.outcome.mutable_node()
    = to_message(write_node(x.ctx, regenerating(node, now),
                            row.phase() == proto::QUIESCE || !is_under_way(row)
                              ? std::optional{event_of(row)}
                              : std::nullopt));
}

/// Forgets the oldest that ended, if there are too many. It stays in the counts
/// of *row*, the newest.
void forget_oldest(context ctx, const std::vector<proto::RegenerationRow>& all,
                   proto::RegenerationRow& row) {
  row.clear_forgotten();
  if (all.empty())
    return;
  *row.mutable_forgotten() = all.back().forgotten();
  if (all.size() < max_regenerations)
    return;
  auto oldest = std::find_if(all.begin(), all.end(),
                             [](auto& x) { return !is_under_way(x); });
  if (oldest == all.end())
    return;
  count_regeneration(*row.mutable_forgotten(), oldest->outcome());
  erase_regeneration(ctx.view, oldest->number());
}

/// Returns where the instance is, in the row of its service.
proto::ServicePlace* find_place(std::optional<proto::ServiceRow>& service,
                                uint32_t instance) {
  if (service && !service->removed())
    for (auto& place : *service->mutable_places())
      if (place.instance() == instance && !place.node().empty())
        return &place;
  return nullptr;
}

/// Returns one that must end first.
const proto::RegenerationRow*
find_other(const std::vector<proto::RegenerationRow>& all,
           const proto::RegenerationRow& x) {
  for (auto& other : all)
    if (is_under_way(other)
        && (same_target(x, other)
            || (x.node() == other.node() && !is_of_service(other))))
      return &other;
  return nullptr;
}

void begin(regeneration_change& x, proto::RegenerationRow row) {
  auto& ctx = x.ctx;
  std::optional<proto::ServiceRow> service;
  proto::ServicePlace* place = nullptr;
  if (is_of_service(row)) {
    service = get_service(ctx.view, row.service());
    place = find_place(service, row.instance());
    if (!place || place->node() != row.node())
      return x.refuse(ec::not_found, "there is no " + describe_target(row));
    row.set_epoch(place->epoch());
  }
  auto all = get_regenerations(ctx.view);
  if (auto* other = find_other(all, row))
    return x.refuse(ec::conflict,
                    "regeneration " + std::to_string(other->number()) + " of "
                      + describe_target(*other) + " is under way");
  auto node = get_list_row(ctx.view, row.node());
  if (!node || node->state != node_state::healthy)
    return x.refuse(ec::conflict, "node " + row.node() + " is not healthy");
  row.set_number(all.empty() ? 1 : all.back().number() + 1);
  row.set_incarnation(node->start.incarnation);
  row.set_outcome(proto::UNDER_WAY);
  row.clear_steps();
  row.clear_ended_ms();
  enter(row, proto::QUIESCE, ctx.now_ms);
  forget_oldest(ctx, all, row);
  put_regeneration(ctx.view, row);
  if (place) {
    // Who places it has it leave, and gives it a new place.
    place->set_revision(0);
    write_service(ctx, get_services_head(ctx.view), std::move(*service));
    write_event(ctx, event_of(row));
  } else {
    tell_node(x, row, *node);
  }
  *x.outcome.mutable_row() = std::move(row);
}

bool goes_on(const proto::RegenerationStep& x) {
  auto ends = x.outcome() != proto::UNDER_WAY;
  return proto::RegenerationPhase_IsValid(x.to())
         && proto::RegenerationEnd_IsValid(x.outcome())
         && (ends ? x.to() >= x.from() : x.to() > x.from())
         && (ends || x.to() != proto::READMIT);
}

void advance(regeneration_change& x, const proto::RegenerationStep& to) {
  auto& ctx = x.ctx;
  auto row = get_regeneration(ctx.view, to.number());
  if (!row)
    return x.refuse(ec::not_found,
                    "there is no regeneration " + std::to_string(to.number()));
  if (!is_under_way(*row) || row->phase() != to.from())
    return x.refuse(ec::conflict, "regeneration " + std::to_string(to.number())
                                    + " has gone on meanwhile");
  if (!goes_on(to))
    return x.refuse(ec::invalid_argument, "a regeneration only goes on");
  auto ends = to.outcome() != proto::UNDER_WAY;
  if (to.to() != to.from())
    enter(*row, to.to(), ctx.now_ms);
  row->set_outcome(to.outcome());
  if (ends)
    row->set_ended_ms(ctx.now_ms);
  if (!to.why().empty())
    row->set_why(std::string{utf8_prefix(to.why(), max_regeneration_words)});
  if (to.successor() != 0)
    row->set_successor(to.successor());
  put_regeneration(ctx.view, *row);
  auto node = get_list_row(ctx.view, row->node());
  if (!is_of_service(*row) && node)
    tell_node(x, *row, *node);
  else if (ends)
    write_event(ctx, event_of(*row));
  *x.outcome.mutable_row() = std::move(*row);
}

} // namespace

void apply_regeneration(context ctx, const proto::RegenerationCommand& command,
                        proto::RegenerationOutcome& outcome) {
  regeneration_change x{ctx, outcome};
  if (command.has_step())
    return advance(x, command.step());
  if (!command.has_begun())
    return x.refuse(ec::protocol_violation,
                    "this version does not know the change of a regeneration");
  if (auto checked = check_regeneration(command.begun()); !checked)
    return x.refuse(checked.error().code, checked.error().message);
  begin(x, command.begun());
}

} // namespace coppice::state_machine

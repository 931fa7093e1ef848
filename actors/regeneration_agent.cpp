// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/regeneration_agent.hpp"

#include "runtime/health/regeneration/regeneration_rules.hpp"
#include "runtime/log.hpp"

#include <algorithm>
#include <utility>

namespace coppice {

namespace {

/// Returns how long the slowest of *x* and its parts takes to answer.
double slowest_ms(const proto::TreePart& x, double patience_ms) {
  auto out = x.state() == proto::TreePart::SILENT
               ? patience_ms
               : static_cast<double>(x.answer_us()) / 1'000;
  for (auto& part : x.parts())
    out = std::max(out, slowest_ms(part, patience_ms));
  return out;
}

} // namespace

// -- handlers -----------------------------------------------------------------

void regeneration_agent_state::on_nodes(const node_news& x) {
  for (auto& row : *x.rows) {
    if (row.start.node != options.start.node
        || row.start.incarnation != options.start.incarnation)
      continue;
    if (order == row.regeneration)
      continue;
    order = row.regeneration;
    if (order)
      log::info("{}: this node is in phase {} of regeneration {}", name,
                describe(order->phase), order->number);
    else
      log::info("{}: this node is let in again", name);
    on_tick();
  }
}

void regeneration_agent_state::on_tick() {
  if (restarting)
    return;
  if (is_closing() && order->phase == proto::RESTART) {
    restarting = true;
    return options.restart();
  }
  if (is_closing())
    hand_over();
  if (order || self->clock().now() >= next_word)
    say();
}

void regeneration_agent_state::hand_over() {
  if (!options.manager) {
    leads = 0;
    return;
  }
  if (std::exchange(handing_over, true))
    return;
  self->request(options.manager, options.patience, atom::transfer::value)
    .then(
      [this](uint32_t left) {
        handing_over = false;
        leads = left;
      },
      [this](const caf::error&) { handing_over = false; });
}

std::string regeneration_agent_state::waits_for() const {
  if (!is_closing())
    return {};
  if (!leads)
    return "its groups";
  if (*leads > 0)
    return "another manager to lead " + std::to_string(*leads) + " groups";
  if (order->phase == proto::QUIESCE || !options.slots)
    return {};
  auto offer = options.slots->share();
  auto taken = offer.total - offer.idle;
  // What still runs is stopped with the node: the time of the phase is over.
  if (taken == 0 || order->phase > proto::DRAIN)
    return {};
  return "tasks in " + std::to_string(taken) + " slots";
}

void regeneration_agent_state::ask_parts() {
  if (!options.tree || std::exchange(asks_parts, true))
    return;
  proto::Request request;
  request.mutable_tree()->set_patience_ms(
    static_cast<uint32_t>(options.part_patience.count()));
  self->request(options.tree, options.patience, std::move(request))
    .then(
      [this](const proto::Reply& x) {
        asks_parts = false;
        latency_ms = slowest_ms(
          x.tree().root(), static_cast<double>(options.part_patience.count()));
      },
      [this](const caf::error&) { asks_parts = false; });
}

void regeneration_agent_state::say() {
  if (std::exchange(saying, true))
    return;
  // What it comes to is said next time. Now it says more, and more often.
  if (!order)
    ask_parts();
  proto::Request request;
  auto& x = *request.mutable_vitals();
  x.set_node(options.start.node);
  x.set_incarnation(options.start.incarnation);
  options.measure(x);
  if (latency_ms) {
    // Without a limit: see docs/regeneration.md.
    auto& vital = *x.add_vitals();
    vital.set_name("latency");
    vital.set_unit("ms");
    vital.set_value(*latency_ms);
  }
  next_word = self->clock().now() + options.calm;
  if (order) {
    auto waits = waits_for();
    x.set_regeneration(order->number);
    // What is to be waited for belongs to this phase, not to those before.
    x.set_done(waits.empty()
                 ? order->phase
                 : static_cast<proto::RegenerationPhase>(order->phase - 1));
    x.set_waits_for(std::move(waits));
  }
  self->request(options.cluster, options.patience, std::move(request))
    .then([this](const proto::Reply&) { saying = false; },
          [this](const caf::error&) { saying = false; });
}

// -- regeneration_agent -------------------------------------------------------

regeneration_agent_actor::behavior_type regeneration_agent(
  regeneration_agent_actor::stateful_pointer<regeneration_agent_state> self,
  regeneration_agent_options options) {
  self->state.options = std::move(options);
  self->send(self, atom::tick::value);
  return {
    [self](const node_news& x) { self->state.on_nodes(x); },
    [self](atom::tick) {
      auto& x = self->state;
      self->delayed_send(self, x.options.tick, atom::tick::value);
      x.on_tick();
    },
  };
}

} // namespace coppice

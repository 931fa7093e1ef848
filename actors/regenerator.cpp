// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/regenerator.hpp"

#include "actors/replies.hpp"
#include "runtime/health/regeneration/regeneration_rules.hpp"
#include "runtime/health/regeneration/regeneration_targets.hpp"
#include "runtime/log.hpp"
#include "storage/node_list_rows.hpp"
#include "storage/regeneration_tables.hpp"
#include "storage/service_tables.hpp"

#include <algorithm>
#include <functional>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace coppice {

namespace {

/// More are refused: people ask, not programs.
constexpr size_t max_asks = 100;

bool says_wear(const proto::VitalsRequest& x) {
  auto is_worn = [](auto& ys) {
    return std::any_of(ys.begin(), ys.end(), [](auto& y) { return y.worn(); });
  };
  return is_worn(x.vitals())
         || std::any_of(x.instances().begin(), x.instances().end(),
                        [&](auto& y) { return is_worn(y.vitals()); });
}

} // namespace

// -- initialization -----------------------------------------------------------

void regenerator_state::init(regenerator_options xs,
                             std::shared_ptr<const tables> db,
                             proposer_actor to) {
  options = xs;
  store = std::move(db);
  proposer = std::move(to);
  self->delayed_send(self, options.tick, atom::tick::value);
}

result<regenerator_state::scene> regenerator_state::read() const {
  return store->read([](const table_view& view, uint64_t) {
    return scene{get_regenerations(view), get_list_rows(view),
                 get_services(view)};
  });
}

// -- handlers -----------------------------------------------------------------

caf::result<proto::Reply>
regenerator_state::on_request(const proto::Request& x) {
  if (x.has_vitals())
    return on_vitals(x.vitals());
  if (x.has_regenerate())
    return ask(x.regenerate());
  return refusal(ec::protocol_violation,
                 "the regenerator does not know this request");
}

proto::Reply regenerator_state::on_vitals(const proto::VitalsRequest& x) {
  auto& known = said[x.node()];
  if (x.incarnation() >= known.incarnation())
    known = x;
  if (x.regeneration() != 0 || says_wear(x))
    schedule_review();
  proto::Reply reply;
  reply.mutable_vitals();
  return reply;
}

void regenerator_state::on_tick() {
  self->delayed_send(self, options.tick, atom::tick::value);
  // Each look reads all nodes and services.
  if (under_way || !asks.empty() || self->clock().now() >= next_look)
    schedule_review();
}

void regenerator_state::on_exit() {
  auto gone = refusal(ec::not_leader, "this manager does not lead the cluster "
                                      "group any more; ask again");
  for (auto& x : std::exchange(asks, {}))
    x.answer.deliver(gone);
}

void regenerator_state::schedule_review() {
  if (!std::exchange(review_scheduled, true))
    self->send(self, atom::review::value);
}

void regenerator_state::on_review() {
  review_scheduled = false;
  if (proposing || self->clock().now() < not_before)
    return; // The outcome, or a tick, goes on.
  auto now = read();
  if (!now) {
    log::error("{} cannot read its tables: {}", name, to_string(now.error()));
    not_before = self->clock().now() + options.retry_pause;
    return;
  }
  auto& known = now.value();
  under_way = std::any_of(known.all.begin(), known.all.end(), is_under_way);
  next_look = self->clock().now() + options.calm;
  forget_strangers(known);
  for (auto& row : known.all) {
    auto step
      = next_step(row, facts_of(row, {known.nodes, known.services, said}),
                  options.limits, wall_clock_ms());
    if (!step)
      continue;
    proto::RegenerationCommand x;
    *x.mutable_step() = std::move(*step);
    return propose(std::move(x), [](const proto::Outcome&) {});
  }
  if (!asks.empty())
    return begin_asked(known);
  if (!options.by_itself)
    return;
  std::vector<const proto::VitalsRequest*> vitals;
  for (auto& x : known.nodes)
    if (auto y = said.find(x.start.node);
        y != said.end() && y->second.incarnation() == x.start.incarnation
        && x.state == node_state::healthy)
      vitals.push_back(&y->second);
  auto worn = what_wears({known.all, known.nodes, vitals}, options.policy,
                         wall_clock_ms());
  if (!worn.empty())
    begin(std::move(worn.front()), [](const proto::Outcome&) {});
}

void regenerator_state::forget_strangers(const scene& now) {
  std::unordered_set<std::string_view> names;
  for (auto& x : now.nodes)
    names.insert(x.start.node);
  std::erase_if(said, [&](auto& x) { return !names.contains(x.first); });
}

// -- asks ---------------------------------------------------------------------

caf::result<proto::Reply>
regenerator_state::ask(const proto::RegenerateRequest& x) {
  if (asks.size() >= max_asks)
    return refusal(ec::overloaded, "too many regenerations are asked for; ask "
                                   "again a little later");
  auto now = read();
  if (!now)
    return refusal(now.error());
  auto rows = find_targets(x.target(), now.value().nodes, now.value().services);
  if (!rows)
    return refusal(rows.error());
  for (auto& row : rows.value()) {
    row.set_cause(proto::ASKED);
    row.set_reason(x.reason());
    if (auto okay = check_regeneration(row); !okay)
      return refusal(okay.error());
    if (auto okay = check(row, now.value()); !okay)
      return refusal(okay.error());
  }
  waiting_ask y;
  y.rows.assign(rows.value().begin(), rows.value().end());
  y.answer = self->make_response_promise<proto::Reply>();
  asks.push_back(std::move(y));
  schedule_review();
  return asks.back().answer;
}

result<> regenerator_state::check(const proto::RegenerationRow& row,
                                  const scene& now) const {
  return may_begin(row, {now.all, now.nodes, {}}, options.policy);
}

void regenerator_state::begin_asked(const scene& now) {
  auto& x = asks.front();
  auto& row = x.rows.front();
  // Something else may have begun since it was asked for.
  if (auto okay = check(row, now); !okay) {
    proto::Outcome refused;
    set_error(*refused.mutable_error(), okay.error());
    return on_asked(refused);
  }
  begin(row, [this](const proto::Outcome& outcome) { on_asked(outcome); });
}

void regenerator_state::on_asked(const proto::Outcome& outcome) {
  if (asks.empty())
    return; // This actor ends.
  auto& x = asks.front();
  x.rows.pop_front();
  auto& said_so = outcome.regeneration();
  if (!outcome.has_error() && !said_so.has_error()) {
    x.reply.clear_error();
    *x.reply.mutable_regenerate()->add_begun() = said_so.row();
  } else if (!x.reply.has_regenerate()) {
    *x.reply.mutable_error()
      = outcome.has_error() ? outcome.error() : said_so.error();
  }
  // One that is refused is restarted already, or was just now, with its node:
  // that is nothing against the others.
  if (x.rows.empty() || outcome.has_error()) {
    x.answer.deliver(std::move(x.reply));
    asks.pop_front();
  }
  schedule_review();
}

// -- proposals ----------------------------------------------------------------

void regenerator_state::begin(proto::RegenerationRow row,
                              std::function<void(const proto::Outcome&)> f) {
  if (!is_of_service(row))
    row.set_drain_deadline_ms(wall_clock_ms() + options.drain.count());
  log::info("{} begins with {}: {}", name, describe_target(row),
            row.reason().empty() ? describe(row.cause()) : row.reason());
  proto::RegenerationCommand x;
  *x.mutable_begun() = std::move(row);
  propose(std::move(x), std::move(f));
}

void regenerator_state::propose(proto::RegenerationCommand x,
                                std::function<void(const proto::Outcome&)> f) {
  proto::Command command;
  *command.mutable_regeneration() = std::move(x);
  proposing = true;
  self->request(proposer, caf::infinite, std::move(command))
    .then(
      [this, f](const proto::Outcome& outcome) {
        proposing = false;
        auto& why = outcome.has_error() ? outcome.error()
                                        : outcome.regeneration().error();
        if (why.code() != 0) {
          log::warn("{} could not go on: {}", name, why.message());
          not_before = self->clock().now() + options.retry_pause;
        } else {
          auto& row = outcome.regeneration().row();
          log::info("{}: {} is in phase {}{}", name, describe_target(row),
                    describe(row.phase()),
                    row.why().empty() ? "" : " (" + row.why() + ")");
        }
        f(outcome);
        schedule_review();
      },
      [this, f](const caf::error& why) {
        // The log ends or starts again, and this actor with it.
        proposing = false;
        not_before = self->clock().now() + options.retry_pause;
        proto::Outcome outcome;
        *outcome.mutable_error() = unknown_outcome(why);
        f(outcome);
      });
}

// -- regenerator --------------------------------------------------------------

regenerator_impl::behavior_type
regenerator(regenerator_impl::stateful_pointer<regenerator_state> self,
            regenerator_options options, std::shared_ptr<const tables> store,
            proposer_actor proposer) {
  self->state.init(options, std::move(store), std::move(proposer));
  self->set_exit_handler([self](caf::exit_msg& x) {
    self->state.on_exit();
    self->quit(x.reason);
  });
  return {
    [self](const proto::Request& x) { return self->state.on_request(x); },
    [self](atom::review) { self->state.on_review(); },
    [self](atom::tick) { self->state.on_tick(); },
  };
}

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/regenerator.hpp"

#include "actors/replies.hpp"
#include "runtime/health/node_card.hpp"
#include "runtime/health/node_rules.hpp"
#include "runtime/health/regeneration/regeneration_rules.hpp"
#include "runtime/log.hpp"
#include "runtime/service/service_rules.hpp"
#include "runtime/spelling.hpp"
#include "runtime/task/label_rules.hpp"
#include "storage/node_list_rows.hpp"
#include "storage/regeneration_tables.hpp"
#include "storage/service_tables.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace coppice {

namespace {

/// More are refused: people ask, not programs.
constexpr size_t max_asks = 100;

constexpr std::string_view node_prefix = "node:";
constexpr std::string_view service_prefix = "service:";

const node_entry* find_node(const std::vector<node_entry>& nodes,
                            std::string_view name) {
  for (auto& x : nodes)
    if (x.start.node == name && x.state != node_state::forgotten)
      return &x;
  return nullptr;
}

const proto::ServiceRow*
find_service(const std::vector<proto::ServiceRow>& services,
             std::string_view name) {
  for (auto& x : services)
    if (x.spec().name() == name)
      return &x;
  return nullptr;
}

const proto::ServicePlace* find_place(const proto::ServiceRow& row,
                                      uint32_t instance) {
  for (auto& x : row.places())
    if (x.instance() == instance)
      return &x;
  return nullptr;
}

/// What is asked for, taken apart.
struct target_name {
  std::string_view name;
  std::optional<uint32_t> instance;
  bool may_be_node = true;
  bool may_be_service = true;
};

target_name parse_target(std::string_view x) {
  target_name out;
  if (x.starts_with(node_prefix)) {
    out.may_be_service = false;
    x.remove_prefix(node_prefix.size());
  } else if (x.starts_with(service_prefix)) {
    out.may_be_node = false;
    x.remove_prefix(service_prefix.size());
  }
  out.name = x;
  auto slash = x.rfind('/');
  if (slash == std::string_view::npos || !out.may_be_service)
    return out;
  auto digits = x.substr(slash + 1);
  uint32_t number = 0;
  auto [end, code]
    = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (code == std::errc{} && end == digits.data() + digits.size()) {
    out.name = x.substr(0, slash);
    out.instance = number;
    out.may_be_node = false;
  }
  return out;
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

bool is_over(const proto::ServicePlace& x) {
  return x.status() == proto::SERVICE_STOPPED
         || x.status() == proto::SERVICE_FAILED;
}

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
      = next_step(row, facts_of(row, known), options.limits, wall_clock_ms());
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

// -- facts --------------------------------------------------------------------

regeneration_facts
regenerator_state::facts_of(const proto::RegenerationRow& row,
                            const scene& now) const {
  regeneration_facts out;
  out.node = find_node(now.nodes, row.node());
  if (is_of_service(row)) {
    auto* service = find_service(now.services, row.service());
    out.removed = !service || service->removed();
    out.place = service ? find_place(*service, row.instance()) : nullptr;
    // It may be on another node by now.
    auto& where = out.place && !out.place->node().empty() ? out.place->node()
                                                          : row.node();
    if (auto x = said.find(where); x != said.end())
      out.said = &x->second;
    return out;
  }
  if (auto x = said.find(row.node()); x != said.end())
    out.said = &x->second;
  for (auto& x : now.nodes)
    out.others_serve
      = out.others_serve
        || (x.start.node != row.node() && x.state == node_state::healthy
            && !keeps_services_away(x) && decode_card(x.card).worker());
  proto::NodeCard card;
  if (out.node)
    card = decode_card(out.node->card);
  for (auto& service : now.services) {
    uint32_t placed = 0;
    for (auto& place : service.places()) {
      placed += place.node().empty() ? 0 : 1;
      if (place.node() != row.node() || is_over(place))
        continue;
      ++out.services_here;
      out.services_begin
        = out.services_begin || place.status() != proto::SERVICE_READY;
    }
    out.services_begin
      = out.services_begin
        || (placed < instances_of(service.spec()) && could_have(card, service));
  }
  return out;
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
  auto rows = find_targets(x.target(), now.value());
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
  y.rows = std::move(rows.value());
  y.answer = self->make_response_promise<proto::Reply>();
  asks.push_back(std::move(y));
  schedule_review();
  return asks.back().answer;
}

result<std::deque<proto::RegenerationRow>>
regenerator_state::find_targets(const std::string& target,
                                const scene& now) const {
  auto x = parse_target(target);
  auto* node = x.may_be_node ? find_node(now.nodes, x.name) : nullptr;
  auto* service
    = x.may_be_service ? find_service(now.services, x.name) : nullptr;
  if (node && service)
    return error{ec::invalid_argument,
                 "there is a node and a service of the name " + target
                   + "; say node:" + target + " or service:" + target};
  std::deque<proto::RegenerationRow> out;
  if (node) {
    out.emplace_back().set_node(node->start.node);
    return out;
  }
  if (!service)
    return error{ec::not_found, "there is no node and no service "
                                  + in_quotes(target)
                                  + "; 'coppice nodes' and 'coppice service "
                                    "list' list them"};
  for (auto& place : service->places()) {
    if (place.node().empty() || is_over(place)
        || (x.instance && *x.instance != place.instance()))
      continue;
    auto& row = out.emplace_back();
    row.set_node(place.node());
    row.set_service(service->spec().name());
    row.set_instance(place.instance());
  }
  if (out.empty())
    return error{ec::not_found, "no instance of service "
                                  + service->spec().name()
                                  + " that is meant has a place now; 'coppice "
                                    "service show' says why"};
  return out;
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
  auto refused = outcome.has_error() || said_so.has_error();
  if (!refused)
    *x.reply.mutable_regenerate()->add_begun() = said_so.row();
  else if (!x.reply.has_regenerate())
    *x.reply.mutable_error()
      = outcome.has_error() ? outcome.error() : said_so.error();
  if (x.rows.empty() || refused) {
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

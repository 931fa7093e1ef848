// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/state_monitor.hpp"

#include "actors/replies.hpp"
#include "runtime/duration.hpp"
#include "runtime/group_name.hpp"
#include "runtime/health/node_card.hpp"
#include "runtime/health/node_message.hpp"
#include "runtime/health/node_rules.hpp"
#include "runtime/log.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

namespace coppice {

namespace {

using namespace std::chrono_literals;

} // namespace

// -- initialization -----------------------------------------------------------

void state_monitor_state::init(state_monitor_options xs) {
  options = std::move(xs);
  limits = options.limits;
  pauses.emplace(options.backoff_min, options.backoff_max);
  rng.seed(options.seed != 0 ? options.seed : std::random_device{}());
  cache.emplace(options.cluster, options.cache);
  auto& saved = options.saved;
  if (saved.cluster == options.cluster && saved.version != list_version{}) {
    auto age = std::max<int64_t>(0, wall_clock_ms() - saved.confirmed_ms);
    cache->load(saved.rows, saved.version, std::chrono::milliseconds{age},
                now());
    log::info("{} knows {} healthy nodes from before; the view is {} old", name,
              cache->healthy().size(),
              format_duration(std::chrono::milliseconds{age}));
  }
  options.saved = {};
  saved_at = now();
  schedule_tick();
}

// -- finding the centre -------------------------------------------------------

void state_monitor_state::on_place(node_place& x) {
  place = std::move(x);
  at = phase::searching;
  on_connect(number);
}

void state_monitor_state::on_connect(uint64_t which) {
  if (which != number || at != phase::searching || stopping)
    return;
  if (place.managers.local)
    return register_with(place.managers.local);
  // The link has deadlines of its own, this one is for the worst.
  self
    ->request(place.managers.link, caf::duration{60s}, caf::connect_atom::value,
              std::string{cluster_group})
    .then(
      [this, which](directory_actor& x) {
        if (which == number)
          register_with(x);
      },
      [this, which](const caf::error&) {
        if (which == number)
          lose("no manager can be reached");
      });
}

void state_monitor_state::register_with(const directory_actor& x) {
  at = phase::registering;
  directory = x;
  proto::Registration registration;
  registration.set_cluster(options.cluster);
  registration.set_node(options.start.node);
  registration.set_incarnation(options.start.incarnation);
  registration.set_protocol(protocol_version);
  registration.set_card(place.card.SerializeAsString());
  // A registration that has to be written to a slow disk is there when it is
  // asked for again.
  auto patience
    = std::min<std::chrono::nanoseconds>(options.answer_timeout, limits.late());
  self
    ->request(directory, caf::duration{patience}, std::move(registration),
              caf::actor_cast<state_monitor_actor>(self))
    .then(
      [this, which = number](const proto::RegistrationReply& reply,
                             const information_centre_actor& found) {
        if (which == number)
          on_registered(reply, found);
      },
      [this, which = number](const caf::error& err) {
        if (which == number)
          lose("the manager does not register this node: "
               + self->system().render(err));
      });
}

void state_monitor_state::on_registered(const proto::RegistrationReply& x,
                                        const information_centre_actor& found) {
  if (x.has_error()) {
    auto why = to_error(x.error());
    if (why.code == ec::conflict) {
      log::error("{}: {}", name, why.message);
      forget_centre();
      return options.over();
    }
    if (why.code == ec::not_leader)
      return look_further(why.message);
    // The centre has ended, or could not write: no reason to wait for long.
    return why.code == ec::deadline_exceeded ? lose(why.message)
                                             : refused(why.message);
  }
  if (!found)
    return lose("the manager gave no handle");
  if (stopping)
    return;
  at = phase::registered;
  last_refusal.clear();
  centre = found;
  self->monitor(centre);
  if (x.limit_ms() > 0)
    limits.limit = std::chrono::milliseconds{x.limit_ms()};
  // The limit counts from here on, and it may be shorter than the interval
  // until now.
  schedule_tick();
  // Who pauses for longer is silent for too long when it is found.
  auto longest
    = std::chrono::floor<std::chrono::milliseconds>(limits.interval());
  pauses.emplace(options.backoff_min,
                 std::clamp(longest, options.backoff_min, options.backoff_max));
  log::info("{} has registered node {}; it is down when it is silent for {}",
            name, options.start.node, format_duration(limits.limit));
  cache->centre_found();
  query();
}

void state_monitor_state::lose(const std::string& why) {
  forget_centre();
  auto pause = pauses->after_loss(rng());
  if (pauses->loss_is_news())
    log::warn("{} has no information centre: {}; {}", name, why,
              describe_age());
  self->delayed_send(self, pause, caf::connect_atom::value, number);
}

void state_monitor_state::refused(const std::string& why) {
  forget_centre();
  if (std::exchange(last_refusal, why) != why)
    log::warn("{} is refused: {}", name, why);
  self->delayed_send(self, options.refused_pause, caf::connect_atom::value,
                     number);
}

void state_monitor_state::look_further(const std::string& why) {
  forget_centre();
  auto pause = pauses->after_follower(rng());
  if (pauses->election_is_news())
    log::warn("{} finds no information centre: {}", name, why);
  self->delayed_send(self, pause, caf::connect_atom::value, number);
}

void state_monitor_state::forget_centre() {
  ++number;
  at = phase::searching;
  if (centre)
    self->demonitor(centre.address());
  centre = nullptr;
  directory = nullptr;
}

void state_monitor_state::on_down(const caf::down_msg& x) {
  if (centre && x.source == centre.address())
    return lose("the information centre is gone");
  // A local listener has ended.
  listeners.erase(
    std::remove_if(listeners.begin(), listeners.end(),
                   [&](auto& y) { return y.address() == x.source; }),
    listeners.end());
}

// -- keep-alive ---------------------------------------------------------------

void state_monitor_state::schedule_tick() {
  self->delayed_send(self, limits.interval(), atom::tick::value, ++scheduled);
}

void state_monitor_state::on_tick(uint64_t which) {
  if (which != scheduled)
    return;
  schedule_tick();
  if (at != phase::registered)
    return;
  keep_alive();
  query();
}

void state_monitor_state::keep_alive() {
  proto::KeepAlive x;
  x.set_node(options.start.node);
  x.set_incarnation(options.start.incarnation);
  auto asked = now();
  // A centre that stands still has a successor soon, which gives this node one
  // limit to be heard of: it must not be waited for so long.
  self->request(centre, caf::duration{limits.late()}, std::move(x))
    .then(
      [this, which = number, asked](const proto::KeepAliveAck& ack) {
        if (which == number)
          on_alive(ack, asked);
      },
      [this, which = number](const caf::error& err) {
        if (which == number)
          lose("a keep-alive is not answered: " + self->system().render(err));
      });
}

void state_monitor_state::on_alive(const proto::KeepAliveAck& x,
                                   time_point asked) {
  switch (static_cast<admission>(x.admission())) {
    case admission::known:
      cache->confirmed(from_message(x.version()), asked);
      query();
      if (now() - saved_at >= options.save_interval)
        save({});
      return;
    case admission::over:
      log::error("{}: this start of node {} is over: a later one has "
                 "registered, or it was said to have left",
                 name, options.start.node);
      forget_centre();
      return options.over();
    default:
      // It was believed to be down, or is not told what changes.
      auto again = directory;
      forget_centre();
      register_with(again);
  }
}

// -- the list -----------------------------------------------------------------

void state_monitor_state::query() {
  if (at != phase::registered || !cache->query_due(now()))
    return;
  proto::NodeQuery x;
  x.set_node(options.start.node);
  x.set_incarnation(options.start.incarnation);
  *x.mutable_version() = to_message(cache->version());
  x.set_asked(now().time_since_epoch().count());
  self->send(centre, std::move(x));
}

void state_monitor_state::on_part(const proto::NodeChangesPart& x) {
  auto whole = parts.add(from_message(x));
  if (!whole)
    return;
  if (whole->cluster != options.cluster || !is_sound(*whole)) {
    log::debug("{} ignores changes that make no sense", name);
    return;
  }
  auto before = cache->version();
  auto news = cache->apply(*whole);
  if (x.asked() != 0) {
    auto asked = time_point{time_point::duration{x.asked()}};
    cache->confirmed(whole->version, std::min(asked, now()));
  }
  if (news.empty() && cache->version() == before)
    return;
  tell(news);
  save(std::move(news));
}

void state_monitor_state::save(std::vector<node_entry> rows) {
  saved_at = now();
  if (!options.saver)
    return;
  saved_view x;
  x.cluster = options.cluster;
  x.rows = std::move(rows);
  x.version = cache->version();
  if (auto age = cache->age(now()))
    x.confirmed_ms = wall_clock_ms() - age->count();
  self->send(options.saver, std::move(x));
}

void state_monitor_state::tell(const std::vector<node_entry>& rows) {
  if (rows.empty())
    return;
  node_news news{std::make_shared<const std::vector<node_entry>>(rows)};
  for (auto& x : listeners)
    self->send(x, news);
}

void state_monitor_state::on_listener(const node_listener& x) {
  listeners.push_back(x);
  self->monitor(x);
  self->send(x, node_news{std::make_shared<const std::vector<node_entry>>(
                  cache->rows())});
}

// -- clients ------------------------------------------------------------------

std::string state_monitor_state::describe_age() const {
  auto age = cache->age(now());
  return age ? "what node " + options.start.node + " knows of the others is "
                 + format_duration(*age) + " old"
             : "node " + options.start.node + " knows nothing of the others";
}

caf::result<proto::Reply>
state_monitor_state::on_request(const proto::Request& x) {
  if (x.has_tree() && options.parts)
    return self->delegate(options.parts, x);
  if (!x.has_nodes())
    return refusal(ec::protocol_violation,
                   "the state monitor does not know this request");
  proto::Reply reply;
  auto& out = *reply.mutable_nodes();
  for (auto& row : cache->rows())
    describe(row, *out.add_nodes());
  auto age = describe_age();
  age.front() = static_cast<char>(std::toupper(age.front()));
  out.add_notes(age + ".");
  return reply;
}

// -- the end ------------------------------------------------------------------

void state_monitor_state::on_exit(caf::exit_msg& x) {
  if (std::exchange(stopping, true))
    return;
  auto quit = [this, why = x.reason] { self->quit(why); };
  if (at != phase::registered)
    return quit();
  proto::Leave leave;
  leave.set_node(options.start.node);
  leave.set_incarnation(options.start.incarnation);
  at = phase::idle; // No sign of life may follow.
  self->request(centre, caf::duration{options.leave_timeout}, std::move(leave))
    .then([quit](const proto::LeaveAck&) { quit(); },
          [quit](const caf::error&) { quit(); });
}

// -- state_monitor ------------------------------------------------------------

state_monitor_impl::behavior_type
state_monitor(state_monitor_impl::stateful_pointer<state_monitor_state> self,
              state_monitor_options options) {
  self->state.init(std::move(options));
  self->set_down_handler(
    [self](const caf::down_msg& x) { self->state.on_down(x); });
  self->set_exit_handler([self](caf::exit_msg& x) { self->state.on_exit(x); });
  return {
    [self](const proto::NodeChangesPart& x) { self->state.on_part(x); },
    [self](const node_listener& x) { self->state.on_listener(x); },
    [self](const proto::Request& x) { return self->state.on_request(x); },
    [self](node_place& x) { self->state.on_place(x); },
    [self](caf::connect_atom, uint64_t which) {
      self->state.on_connect(which);
    },
    [self](atom::tick, uint64_t which) { self->state.on_tick(which); },
  };
}

// -- cluster_view_saver -------------------------------------------------------

view_saver::behavior_type
cluster_view_saver(view_saver::pointer, std::shared_ptr<cluster_view> store) {
  return {
    [store](const saved_view& x) {
      if (auto done = store->save(x); !done)
        log::warn("the view of the cluster cannot be saved: {}",
                  to_string(done.error()));
    },
  };
}

} // namespace coppice

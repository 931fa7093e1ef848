// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/cluster_link.hpp"

#include "actors/replies.hpp"
#include "runtime/duration.hpp"
#include "runtime/log.hpp"
#include "runtime/task/request_rules.hpp"

#include <caf/actor_cast.hpp>
#include <caf/sec.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace coppice {

namespace {

/// WORKER_LINK has deadlines of its own, this one is for the worst.
constexpr auto dial_timeout = std::chrono::seconds{60};

/// Pause after none of the managers could be reached.
constexpr auto dial_pause = std::chrono::milliseconds{200};

/// Who waits for news of the services is answered when its time is over; a
/// manager that takes so much longer is stuck.
constexpr auto poll_slack = std::chrono::milliseconds{3'000};

std::chrono::milliseconds longest_answer(const proto::Request& x,
                                         std::chrono::milliseconds longest) {
  if (!x.has_services())
    return longest;
  auto wait = std::clamp<int64_t>(x.services().wait_ms(), 0, longest.count());
  return std::min(longest, std::chrono::milliseconds{wait} + poll_slack);
}

/// Returns what *x* is about, for people.
std::string kind_of(const proto::Request& x) {
  auto* field = proto::Request::descriptor()->FindFieldByNumber(x.kind_case());
  return field ? field->name() : "nothing";
}

constexpr auto connection_lost
  = "the manager that was asked cannot be reached any more; whether the"
    " request took effect is unknown";

constexpr auto no_manager = "no manager of the cluster can be reached";

} // namespace

// -- handlers -----------------------------------------------------------------

caf::result<proto::Reply> cluster_link_state::on_request(proto::Request& x) {
  auto number = ++last_question;
  question q;
  q.request = std::move(x);
  q.answer = self->make_response_promise<proto::Reply>();
  q.patience_ends = self->clock().now() + options.patience;
  q.pause = options.first_pause;
  auto promise = q.answer;
  open.emplace(number, std::move(q));
  attempt(number);
  return promise;
}

void cluster_link_state::on_retry(uint64_t number) {
  auto x = open.find(number);
  if (x != open.end() && x->second.waiting)
    attempt(number);
}

void cluster_link_state::on_give_up(uint64_t number) {
  auto x = open.find(number);
  if (x != open.end() && x->second.waiting)
    settle(number, refusal(ec::unreachable, no_manager));
}

void cluster_link_state::on_connect() {
  connecting = !directory && std::any_of(open.begin(), open.end(), [](auto& x) {
    return x.second.waiting;
  });
  if (!connecting)
    return;
  auto failed = [this](const caf::error&) {
    self->delayed_send(self, dial_pause, caf::connect_atom::value);
  };
  self
    ->request(options.managers.link, caf::duration{dial_timeout},
              caf::connect_atom::value, options.turn)
    .then([this](directory_actor& x) { on_manager(std::move(x)); }, failed);
}

void cluster_link_state::on_manager(directory_actor x) {
  connecting = false;
  directory = caf::actor_cast<api_actor>(x);
  self->monitor(directory);
  std::vector<uint64_t> waiting;
  for (auto& [number, y] : open)
    if (y.waiting)
      waiting.push_back(number);
  for (auto number : waiting)
    attempt(number);
}

void cluster_link_state::on_down(const caf::down_msg& x) {
  if (directory && directory.address() == x.source)
    directory = nullptr;
  // CAF says nothing of what was asked there.
  std::vector<uint64_t> lost;
  for (auto& [number, y] : open)
    if (!y.waiting && y.whom == x.source)
      lost.push_back(number);
  for (auto number : lost) {
    auto& y = open.at(number);
    if (again(number, y))
      continue;
    settle(number, changes_nothing(y.request)
                     ? refusal(ec::unreachable, no_manager)
                     : refusal(ec::deadline_exceeded, connection_lost));
  }
}

// -- parts --------------------------------------------------------------------

void cluster_link_state::attempt(uint64_t number) {
  auto& x = open.at(number);
  if (!directory) {
    x.waiting = true;
    auto left = std::max(x.patience_ends - self->clock().now(),
                         caf::actor_clock::duration_type{0});
    if (!std::exchange(x.gives_up, true))
      self->delayed_send(self, left, link_give_up{number});
    if (!std::exchange(connecting, true))
      self->send(self, caf::connect_atom::value);
    return;
  }
  x.waiting = false;
  x.whom = directory.address();
  auto n = ++x.attempt;
  caf::duration longest{longest_answer(x.request, options.answer)};
  self->request(directory, longest, x.request)
    .then(
      [this, number, n](proto::Reply& reply) {
        if (is_current(number, n))
          on_reply(number, reply);
      },
      [this, number, n](caf::error& why) {
        if (is_current(number, n))
          on_error(number, why);
      });
}

bool cluster_link_state::is_current(uint64_t number, uint32_t attempt) const {
  auto x = open.find(number);
  return x != open.end() && !x->second.waiting && x->second.attempt == attempt;
}

void cluster_link_state::on_reply(uint64_t number, proto::Reply& reply) {
  auto& x = open.at(number);
  auto problem = passing_refusal(reply, x.request);
  if (problem && problem->code == ec::not_leader)
    look_elsewhere(x);
  if (!problem || !again(number, x))
    settle(number, std::move(reply));
}

void cluster_link_state::on_error(uint64_t number, const caf::error& why) {
  auto said = changes_nothing(open.at(number).request) ? lost_read(why)
                                                       : unknown_outcome(why);
  if (why != caf::sec::request_timeout) {
    settle(number, refusal(to_error(said)));
    return;
  }
  auto& x = open.at(number);
  log::warn("{}: no manager has answered within {} what it was asked ({})",
            name, format_duration(longest_answer(x.request, options.answer)),
            kind_of(x.request));
  look_elsewhere(x);
  settle(number, refusal(ec::deadline_exceeded,
                         "the cluster did not answer in time; whether a change"
                         " took effect is unknown"));
}

void cluster_link_state::look_elsewhere(const question& x) {
  if (options.managers.link && directory && x.whom == directory.address())
    directory = nullptr;
}

bool cluster_link_state::again(uint64_t number, question& x) {
  auto now = self->clock().now();
  if (!is_repeatable(x.request) || now + x.pause >= x.patience_ends)
    return false;
  // What the former attempt may still come to does not count from now on.
  x.waiting = true;
  self->delayed_send(self, x.pause, link_retry{number});
  x.pause = std::min(x.pause * 2, options.last_pause);
  return true;
}

void cluster_link_state::settle(uint64_t number, proto::Reply x) {
  auto found = open.extract(number);
  if (!found.empty())
    found.mapped().answer.deliver(std::move(x));
}

// -- cluster_link -------------------------------------------------------------

cluster_link_impl::behavior_type
cluster_link(cluster_link_impl::stateful_pointer<cluster_link_state> self,
             cluster_link_options options) {
  auto& state = self->state;
  state.options = std::move(options);
  state.directory = caf::actor_cast<api_actor>(state.options.managers.local);
  self->set_down_handler(
    [self](const caf::down_msg& x) { self->state.on_down(x); });
  return {
    [self](proto::Request& x) { return self->state.on_request(x); },
    [self](link_retry x) { self->state.on_retry(x.number); },
    [self](link_give_up x) { self->state.on_give_up(x.number); },
    [self](caf::connect_atom) { self->state.on_connect(); },
  };
}

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/http_bridge.hpp"

#include "actors/replies.hpp"
#include "gateway/http/problem.hpp"
#include "runtime/log.hpp"
#include "runtime/task/request_rules.hpp"

#include <caf/actor_cast.hpp>
#include <caf/sec.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

namespace coppice {

namespace {

/// Each group has managers of its own to begin with; the gateway, too.
constexpr auto dial_turn = "http";

/// WORKER_LINK has deadlines of its own, this one is for the worst.
constexpr auto dial_timeout = std::chrono::seconds{60};

/// Pause after none of the managers could be reached.
constexpr auto dial_pause = std::chrono::milliseconds{200};

constexpr auto connection_lost
  = "the manager that was asked cannot be reached any more; whether the"
    " request took effect is unknown";

constexpr auto no_manager = "no manager of the cluster can be reached";

} // namespace

// -- handlers -----------------------------------------------------------------

void http_bridge_state::on_call(const api_call_ptr& x) {
  auto& serve = x->request.what->serve;
  if (auto* how = std::get_if<api::question>(&serve))
    answer_question(x, *how);
  else if (auto* stream = std::get_if<api::streaming>(&serve))
    begin_stream(x, *stream);
  else
    x->reply->respond(http::problem({ec::not_found, "it is not asked here"}));
}

void http_bridge_state::on_resume(const bridge_resume& x) {
  auto stream = streams.find(x.stream);
  if (stream == streams.end())
    return;
  if (!x.sent || !stream->second.to->is_open())
    streams.erase(stream);
  else if (x.pause.count() > 0)
    self->delayed_send(self, x.pause, bridge_resume{x.stream});
  else
    advance(x.stream);
}

void http_bridge_state::on_retry(uint64_t number) {
  auto x = open.find(number);
  if (x != open.end() && x->second.waiting)
    attempt(number);
}

void http_bridge_state::on_give_up(uint64_t number) {
  auto x = open.find(number);
  if (x == open.end() || !x->second.waiting)
    return;
  auto reply = refusal(ec::unreachable, no_manager);
  settle(number, reply);
}

void http_bridge_state::on_connect() {
  std::vector<uint64_t> waiting;
  for (auto& [number, x] : open)
    if (x.waiting)
      waiting.push_back(number);
  connecting = !waiting.empty() && !directory;
  if (!connecting)
    return;
  auto failed = [this](const caf::error&) {
    self->delayed_send(self, dial_pause, caf::connect_atom::value);
  };
  self
    ->request(options.managers.link, caf::duration{dial_timeout},
              caf::connect_atom::value, std::string{dial_turn})
    .then([this](directory_actor& x) { on_manager(std::move(x)); }, failed);
}

void http_bridge_state::on_manager(directory_actor x) {
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

void http_bridge_state::on_tick() {
  self->delayed_send(self, options.refresh, caf::tick_atom::value);
  if (std::exchange(asks_tokens, true))
    return;
  proto::Request request;
  request.mutable_tokens();
  ask(std::move(request), false, [this](const proto::Reply& x) {
    asks_tokens = false;
    if (x.has_tokens())
      options.on_tokens(x.tokens());
    if (std::exchange(lacks_tokens, !x.has_tokens()) == !x.has_tokens())
      return;
    if (x.has_tokens())
      log::info("{} knows the tokens of the cluster again", name);
    else
      log::warn("{} cannot ask which tokens there are, and goes on with those"
                " that it knows: {}",
                name, x.error().message());
  });
}

void http_bridge_state::on_down(const caf::down_msg& x) {
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
    auto reply = changes_nothing(y.request)
                   ? refusal(ec::unreachable, no_manager)
                   : refusal(ec::deadline_exceeded, connection_lost);
    settle(number, reply);
  }
}

// -- parts: answers -----------------------------------------------------------

void http_bridge_state::answer_question(const api_call_ptr& x,
                                        const api::question& how) {
  auto respond = [x](http::response answer) {
    answer.operation = x->request.what->operation;
    x->reply->respond(std::move(answer));
  };
  auto request = how.ask(x->request.x);
  if (!request)
    return respond(http::problem(request.error()));
  ask(std::move(request.value()), how.is_probe,
      [x, how, respond](const proto::Reply& reply) {
        if (reply.has_error() && !how.is_probe)
          respond(http::problem(to_error(reply.error())));
        else
          respond(how.answer(x->request.x, reply));
      });
}

void http_bridge_state::begin_stream(const api_call_ptr& x,
                                     const api::streaming& how) {
  auto opened = how.open(x->request.x);
  auto operation = x->request.what->operation;
  if (!opened) {
    auto answer = http::problem(opened.error());
    answer.operation = operation;
    x->reply->respond(std::move(answer));
    return;
  }
  auto number = ++last_stream;
  streams.emplace(number,
                  streaming{std::move(opened.value()), x->reply, operation});
  // The exchange ends with the stream, not with this message.
  x->reply = nullptr;
  advance(number);
}

void http_bridge_state::advance(uint64_t number) {
  ask(streams.at(number).what->next(), false,
      [this, number](const proto::Reply& x) { on_part(number, x); });
}

void http_bridge_state::on_part(uint64_t number, const proto::Reply& reply) {
  auto stream = streams.find(number);
  if (stream == streams.end())
    return;
  auto& to = *stream->second.to;
  auto step = stream->second.what->on_reply(reply);
  if (step.head) {
    step.head->operation = stream->second.operation;
    if (!step.head->body.empty()) {
      to.respond(std::move(*step.head));
      streams.erase(stream);
      return;
    }
    to.open(std::move(*step.head));
  }
  if (step.ends) {
    if (!step.part.empty())
      to.send(std::move(step.part), nullptr);
    // Dropped, it does not look complete.
    if (!step.cut)
      to.close();
    streams.erase(stream);
    return;
  }
  if (step.part.empty()) {
    self->send(self, bridge_resume{number, true, step.pause});
    return;
  }
  auto me = caf::actor_cast<http_bridge_impl>(self);
  to.send(std::move(step.part), [me, number, pause = step.pause](bool sent) {
    caf::anon_send(me, bridge_resume{number, sent, pause});
  });
}

// -- parts: questions ---------------------------------------------------------

void http_bridge_state::ask(proto::Request x, bool once, reply_handler f) {
  auto number = ++last_question;
  question q;
  q.request = std::move(x);
  q.answer = std::move(f);
  q.once = once;
  q.patience_ends = self->clock().now() + options.patience;
  q.pause = options.first_pause;
  open.emplace(number, std::move(q));
  attempt(number);
}

void http_bridge_state::attempt(uint64_t number) {
  auto& x = open.at(number);
  if (!directory) {
    x.waiting = true;
    auto left = std::max(x.patience_ends - self->clock().now(),
                         caf::actor_clock::duration_type{0});
    if (!std::exchange(x.gives_up, true))
      self->delayed_send(self, left, bridge_give_up{number});
    if (!std::exchange(connecting, true))
      self->send(self, caf::connect_atom::value);
    return;
  }
  x.waiting = false;
  x.whom = directory.address();
  auto n = ++x.attempt;
  self->request(directory, caf::duration{options.answer}, x.request)
    .then(
      [this, number, n](proto::Reply& reply) {
        if (asked(number, n))
          on_reply(number, reply);
      },
      [this, number, n](caf::error& why) {
        if (asked(number, n))
          on_error(number, why);
      });
}

http_bridge_state::question* http_bridge_state::asked(uint64_t number,
                                                      uint32_t attempt) {
  auto x = open.find(number);
  if (x == open.end() || x->second.waiting || x->second.attempt != attempt)
    return nullptr;
  return &x->second;
}

void http_bridge_state::on_reply(uint64_t number, proto::Reply& reply) {
  auto& x = open.at(number);
  auto problem = passing_refusal(reply, x.request);
  // Another manager may know better; what it was asked before it may answer.
  if (problem && problem->code == ec::not_leader && options.managers.link
      && directory && x.whom == directory.address())
    directory = nullptr;
  if (!problem || !again(number, x))
    settle(number, reply);
}

void http_bridge_state::on_error(uint64_t number, const caf::error& why) {
  auto said = changes_nothing(open.at(number).request) ? lost_read(why)
                                                       : unknown_outcome(why);
  auto reply = refusal(to_error(said));
  if (why == caf::sec::request_timeout)
    reply = refusal(ec::deadline_exceeded,
                    "the cluster did not answer in time; whether a change took"
                    " effect is unknown");
  settle(number, reply);
}

bool http_bridge_state::again(uint64_t number, question& x) {
  auto now = self->clock().now();
  if (x.once || !is_repeatable(x.request) || now + x.pause >= x.patience_ends)
    return false;
  // What the former attempt may still come to does not count from now on.
  x.waiting = true;
  self->delayed_send(self, x.pause, bridge_retry{number});
  x.pause = std::min(x.pause * 2, options.last_pause);
  return true;
}

void http_bridge_state::settle(uint64_t number, proto::Reply& reply) {
  auto x = open.extract(number);
  if (!x.empty())
    x.mapped().answer(reply);
}

// -- http_bridge --------------------------------------------------------------

http_bridge_impl::behavior_type
http_bridge(http_bridge_impl::stateful_pointer<http_bridge_state> self,
            http_bridge_options options) {
  auto& state = self->state;
  state.options = std::move(options);
  state.directory = caf::actor_cast<api_actor>(state.options.managers.local);
  self->set_down_handler(
    [self](const caf::down_msg& x) { self->state.on_down(x); });
  if (state.options.on_tokens)
    self->send(self, caf::tick_atom::value);
  return {
    [self](const api_call_ptr& x) { self->state.on_call(x); },
    [self](bridge_retry x) { self->state.on_retry(x.number); },
    [self](bridge_give_up x) { self->state.on_give_up(x.number); },
    [self](const bridge_resume& x) { self->state.on_resume(x); },
    [self](caf::tick_atom) { self->state.on_tick(); },
    [self](caf::connect_atom) { self->state.on_connect(); },
  };
}

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/http_bridge.hpp"

#include "actors/replies.hpp"
#include "gateway/http/problem.hpp"
#include "runtime/log.hpp"
#include "runtime/task/request_rules.hpp"

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include <utility>

namespace coppice {

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

void http_bridge_state::on_tick() {
  self->delayed_send(self, options.refresh, caf::tick_atom::value);
  if (options.on_tokens)
    ask_tokens();
  if (options.on_regenerations)
    ask_regenerations();
}

// -- parts: what is to be known all the time ----------------------------------

void http_bridge_state::ask_regenerations() {
  if (std::exchange(asks_regenerations, true))
    return;
  proto::Request request;
  // The counts come along with however few.
  request.mutable_regenerations()->set_limit(1);
  ask(std::move(request), caf::infinite, [this](const proto::Reply& x) {
    asks_regenerations = false;
    if (x.has_regenerations())
      options.on_regenerations(x.regenerations());
  });
}

void http_bridge_state::ask_tokens() {
  if (std::exchange(asks_tokens, true))
    return;
  proto::Request request;
  request.mutable_tokens();
  ask(std::move(request), caf::infinite, [this](const proto::Reply& x) {
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
  caf::duration longest{caf::infinite};
  if (how.is_probe)
    longest = caf::duration{options.probe};
  ask(std::move(request.value()), longest,
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
  ask(streams.at(number).what->next(), caf::infinite,
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

void http_bridge_state::ask(proto::Request x, caf::duration longest,
                            reply_handler f) {
  auto is_read = changes_nothing(x);
  // CLUSTER_LINK always answers, unless it ends.
  self->request(options.cluster, longest, std::move(x))
    .then(
      [f](const proto::Reply& reply) { f(reply); },
      [f, is_read](const caf::error& why) {
        f(refusal(to_error(is_read ? lost_read(why) : unknown_outcome(why))));
      });
}

// -- http_bridge --------------------------------------------------------------

http_bridge_impl::behavior_type
http_bridge(http_bridge_impl::stateful_pointer<http_bridge_state> self,
            http_bridge_options options) {
  auto& state = self->state;
  state.options = std::move(options);
  if (state.options.on_tokens || state.options.on_regenerations)
    self->send(self, caf::tick_atom::value);
  return {
    [self](const api_call_ptr& x) { self->state.on_call(x); },
    [self](const bridge_resume& x) { self->state.on_resume(x); },
    [self](caf::tick_atom) { self->state.on_tick(); },
  };
}

} // namespace coppice

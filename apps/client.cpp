// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/client.hpp"

#include "apps/client_link.hpp"
#include "config/values.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <optional>
#include <thread>

namespace coppice {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using time_point = clock::time_point;

namespace {

/// Before CAF dials, `probe` looks whether anybody is there for this long.
constexpr auto probe_timeout = milliseconds{2'000};

/// Pauses between attempts, doubled from the first to the last.
constexpr auto first_pause = milliseconds{50};
constexpr auto last_pause = milliseconds{500};

/// The longest pause while managers elect a leader, which is soon over.
constexpr auto election_pause = milliseconds{100};

/// Gives up on *x* at *deadline*.
template <class T>
bool arrived(std::future<T>& x, time_point deadline) {
  return x.wait_until(deadline) == std::future_status::ready;
}

/// Returns what is wrong with *x* if that may be over in a moment.
std::optional<error> passing_problem(const result<proto::Reply>& x,
                                     const proto::Request& request) {
  if (!x) {
    if (x.error().code == ec::unreachable)
      return x.error();
    return std::nullopt;
  }
  return passing_refusal(x.value(), request);
}

} // namespace

class client::call {
public:
  std::shared_ptr<const proto::Request> request;

  /// It was sent at least once.
  bool sent = false;

  /// The answer to the last time it was sent, until it is taken.
  std::optional<std::future<result<proto::Reply>>> answer;
};

struct client::impl {
  // -- constructors, destructors, and assignment operators --------------------

  explicit impl(client_options xs)
    : options(std::move(xs)),
      target(options.address) {
    // nop
  }

  // -- modifiers --------------------------------------------------------------

  void start() {
    if (system)
      return;
    config = std::make_unique<client_system_config>();
    system = std::make_unique<caf::actor_system>(*config);
    link = system->spawn(client_link, to_string(target));
  }

  /// Tries once. A dial of CAF cannot be called off: the next try waits for the
  /// one before it, until the kernel gives up on who listened and is gone.
  result<> connect_once(time_point deadline) {
    auto left = std::chrono::ceil<milliseconds>(deadline - clock::now());
    auto host = probe(target, std::min(left, probe_timeout));
    if (!host)
      return host.error();
    start();
    if (!dialled) {
      auto x = std::make_shared<link_dial>();
      x->address = to_string(target);
      x->host = host.value();
      x->port = target.port;
      dialled = x->answer.get_future();
      caf::anon_send(link, std::move(x));
    }
    if (!arrived(*dialled, deadline))
      return error{ec::unreachable,
                   "no cluster reached at " + to_string(target)
                     + ": somebody listens there, but says nothing"};
    auto outcome = dialled->get();
    dialled.reset();
    return outcome;
  }

  /// Turns to the next manager that is known.
  void try_another() {
    if (turn == options.others.size())
      turn = 0;
    else
      ++turn;
    target = turn == 0 ? options.address : options.others[turn - 1];
  }

  /// Turns to another manager if *x* is the want of a leader: this one may be
  /// cut off from the others.
  void follow(const error& x) {
    if (x.code != ec::not_leader || options.others.empty())
      return;
    try_another();
    connected = false;
  }

  void send(call& x) {
    auto s = std::make_shared<link_sending>();
    s->request = x.request;
    x.answer = s->answer.get_future();
    x.sent = true;
    caf::anon_send(link, std::move(s));
  }

  /// Says when to stop trying if trouble begins now. All that comes before the
  /// first answer is one trouble.
  time_point patience_ends() {
    if (answered)
      return clock::now() + options.persistence;
    if (!first_try)
      first_try = clock::now();
    return *first_try + options.patience;
  }

  /// Tries once to get an answer to *x*.
  /// @param deadline When to stop trying to connect; set unless connected.
  result<proto::Reply> attempt(call& x, std::optional<time_point> deadline) {
    if (!connected) {
      if (auto up = connect_once(*deadline); !up) {
        try_another();
        return up.error();
      }
      connected = true;
    }
    if (!x.answer)
      send(x);
    auto answer = std::move(*x.answer);
    x.answer.reset();
    if (!arrived(answer, clock::now() + options.answer))
      return error{ec::deadline_exceeded,
                   "the node at " + to_string(target)
                     + " lives, but does not answer; whether the request took "
                       "effect is unknown"};
    auto reply = answer.get();
    if (!reply) {
      connected = reply.error().code != ec::unreachable;
      return reply.error();
    }
    if (auto problem = passing_problem(reply, *x.request))
      follow(*problem);
    else
      answered = true;
    return reply;
  }

  // -- member variables -------------------------------------------------------

  client_options options;
  /// Whom to connect to; one of the known ones, or whom they name.
  host_port target;
  /// Of those that are known: 0 is `address`.
  size_t turn = 0;
  trouble_listener on_trouble;
  std::optional<time_point> first_try;
  /// Somebody has answered at least once.
  bool answered = false;
  bool connected = false;
  std::optional<std::future<result<>>> dialled;

  // In the order of their dependence: the system goes before its config.
  std::unique_ptr<client_system_config> config;
  std::unique_ptr<caf::actor_system> system;
  caf::actor link;
};

client::client(client_options options)
  : impl_(std::make_unique<impl>(std::move(options))) {
  // nop
}

client::~client() {
  // The system waits for LINK, and for a connect that is under way.
  if (impl_->link)
    caf::anon_send_exit(impl_->link, caf::exit_reason::user_shutdown);
  impl_->link = nullptr;
}

void client::on_trouble(trouble_listener f) {
  impl_->on_trouble = std::move(f);
}

const client_options& client::options() const noexcept {
  return impl_->options;
}

result<> client::connect() {
  auto& self = *impl_;
  if (self.connected)
    return ok();
  auto deadline = self.patience_ends();
  for (auto pause = first_pause;; pause = std::min(pause * 2, last_pause)) {
    auto up = self.connect_once(deadline);
    if (up) {
      self.connected = true;
      return up;
    }
    self.try_another();
    auto problem = up.error();
    if (problem.code != ec::unreachable || clock::now() + pause >= deadline)
      return problem;
    if (self.on_trouble)
      self.on_trouble(problem);
    std::this_thread::sleep_for(pause);
  }
}

client::call_ptr client::begin(proto::Request request) {
  auto x = std::make_shared<call>();
  x->request = std::make_shared<const proto::Request>(std::move(request));
  if (impl_->connected)
    impl_->send(*x);
  return x;
}

result<proto::Reply> client::ask(proto::Request request) {
  return finish(begin(std::move(request)));
}

result<proto::Reply> client::finish(const call_ptr& x) {
  auto& self = *impl_;
  std::optional<time_point> deadline;
  auto pause = first_pause;
  for (;;) {
    if (!deadline && !self.connected)
      deadline = self.patience_ends();
    auto reply = self.attempt(*x, deadline);
    auto problem = passing_problem(reply, *x->request);
    if (!problem || (x->sent && !is_repeatable(*x->request)))
      return reply;
    if (!deadline)
      deadline = self.patience_ends();
    if (clock::now() + pause >= *deadline)
      return reply;
    if (self.on_trouble)
      self.on_trouble(*problem);
    std::this_thread::sleep_for(pause);
    auto longest = self.options.others.empty() ? last_pause : election_pause;
    pause = std::min(pause * 2, longest);
  }
}

} // namespace coppice

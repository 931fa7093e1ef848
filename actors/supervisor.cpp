// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/supervisor.hpp"

#include "actors/replies.hpp"
#include "runtime/log.hpp"

#include <caf/actor_cast.hpp>
#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <exception>
#include <utility>

namespace coppice {

namespace {

/// How long a child that was killed may take to end. One that does not has a
/// thread of its own that stands still.
constexpr auto kill_patience = std::chrono::milliseconds{500};

bool is_normal(const caf::error& why) {
  return !why || why == caf::exit_reason::normal
         || why == caf::exit_reason::user_shutdown;
}

} // namespace

supervisor_state::~supervisor_state() {
  for (auto& x : children)
    if (x.handle)
      caf::anon_send_exit(x.handle, caf::exit_reason::kill);
}

// -- handlers -----------------------------------------------------------------

void supervisor_state::init(supervisor_options xs,
                            std::vector<supervised_child> ys) {
  options = std::move(xs);
  policy.emplace(options.limits);
  for (auto& x : ys) {
    if (!policy->add(x.spec))
      continue;
    to_start.push_back(x.spec.name);
    children.push_back({std::move(x)});
  }
  advance();
}

caf::result<started_child> supervisor_state::on_start(supervised_child& x) {
  auto refuse = [](std::string why) {
    return started_child{{}, error{ec::invalid_argument, std::move(why)}};
  };
  if (closing)
    return refuse(options.name + " stops and starts nothing any more");
  if (!policy->add(x.spec))
    return refuse(options.name + " has a child " + x.spec.name);
  children.push_back({std::move(x)});
  auto& added = children.back();
  if (auto why = start(added)) {
    policy->remove(added.what.spec.name);
    children.pop_back();
    return started_child{{}, std::move(why)};
  }
  return started_child{added.handle, std::nullopt};
}

caf::result<bool> supervisor_state::on_stop(stop_order& x) {
  closing = true;
  to_start.clear();
  failures.clear();
  to_stop.insert(to_stop.end(), x.names.begin(), x.names.end());
  auto promise = self->make_response_promise<bool>();
  waiting.push_back(promise);
  advance();
  return promise;
}

caf::result<proto::Reply>
supervisor_state::on_request(const proto::Request& x) {
  if (!x.has_tree())
    return refusal(ec::protocol_violation,
                   "a supervisor does not know this request");
  std::vector<known_part> parts;
  for (auto& y : children) {
    auto& part = parts.emplace_back();
    part.row.set_name(y.what.spec.name);
    part.row.set_state(!y.handle            ? proto::TreePart::ENDED
                       : y.stop_number != 0 ? proto::TreePart::STOPPING
                                            : proto::TreePart::RUNNING);
    part.row.set_restarts(y.restarts);
    part.row.set_since_ms(y.since_ms);
    part.row.set_last_end(y.last_end);
    part.handle = y.handle;
    part.has_parts = y.what.has_parts;
  }
  return self->delegate(
    caf::actor_cast<api_actor>(self->spawn(tree_report, std::move(parts))), x);
}

void supervisor_state::on_down(const caf::down_msg& x) {
  auto i = std::find_if(children.begin(), children.end(), [&](const child& y) {
    return y.handle && y.handle.address() == x.source;
  });
  if (i == children.end())
    return;
  auto& spec = i->what.spec;
  auto asked = i->stop_number != 0;
  i->handle = nullptr;
  i->stop_number = 0;
  i->killed = false;
  i->since_ms = wall_clock_ms();
  if (!asked) {
    i->last_end = x.reason ? self->system().render(x.reason) : "it was done";
    auto how = is_normal(x.reason) ? child_end::normal : child_end::failure;
    if (!closing) {
      failures.push_back({spec.name, how, i->last_end});
      log::error("{}: {} ended: {}", options.name, spec.name, i->last_end);
    }
  }
  advance();
}

void supervisor_state::on_overdue(uint64_t number) {
  auto i = std::find_if(children.begin(), children.end(), [&](const child& x) {
    return x.stop_number == number;
  });
  if (i == children.end())
    return;
  auto& name_of_it = i->what.spec.name;
  if (!std::exchange(i->killed, true)) {
    log::warn("{}: {} does not stop in time and is killed", options.name,
              name_of_it);
    self->send_exit(i->handle, caf::exit_reason::kill);
    self->delayed_send(self, kill_patience, overdue_stop{number});
    return;
  }
  // It must not be started again beside itself.
  log::error("{}: {} does not end even when it is killed", options.name,
             name_of_it);
  self->demonitor(i->handle);
  i->handle = nullptr;
  i->stop_number = 0;
  i->since_ms = wall_clock_ms();
  i->last_end = "it did not stop";
  if (!closing)
    give_up({name_of_it, child_end::failure, i->last_end});
  advance();
}

void supervisor_state::on_exit(const caf::exit_msg& x) {
  end(x.reason);
  advance();
}

// -- parts of the handlers ----------------------------------------------------

void supervisor_state::advance() {
  for (;;) {
    if (stop_next())
      return;
    forget();
    for (auto& x : std::exchange(waiting, {}))
      x.deliver(true);
    if (end_reason) {
      self->quit(*end_reason);
      return;
    }
    if (!to_start.empty())
      start_next();
    else if (!failures.empty())
      judge();
    else
      return;
  }
}

bool supervisor_state::stop_next() {
  while (!to_stop.empty()) {
    auto* x = find(to_stop.front());
    if (x && x->handle) {
      if (x->stop_number != 0)
        return true;
      x->stop_number = ++stops;
      self->send_exit(x->handle, caf::exit_reason::user_shutdown);
      self->delayed_send(self, x->what.spec.shutdown, overdue_stop{stops});
      return true;
    }
    // How it ended meanwhile makes no difference any more.
    std::erase_if(failures, [&](auto& y) { return y.name == to_stop.front(); });
    to_stop.pop_front();
  }
  return false;
}

void supervisor_state::start_next() {
  auto next = std::move(to_start.front());
  to_start.pop_front();
  auto* x = find(next);
  if (!x || x->handle)
    return;
  auto again = x->since_ms != 0;
  auto why = start(*x);
  if (!why) {
    if (again) {
      ++x->restarts;
      log::info("{}: {} is started again", options.name, next);
    }
    return;
  }
  // Those behind it are judged with it.
  to_start.clear();
  x->since_ms = wall_clock_ms();
  x->last_end = to_string(*why);
  log::error("{}: {} cannot be started: {}", options.name, next, x->last_end);
  failures.push_front({next, child_end::failure, x->last_end});
}

void supervisor_state::judge() {
  auto x = std::move(failures.front());
  failures.pop_front();
  auto decision = policy->ended(x.name, x.how, self->clock().now());
  if (decision.give_up) {
    give_up(x);
    return;
  }
  to_stop.assign(decision.stop.begin(), decision.stop.end());
  to_start.assign(decision.start.begin(), decision.start.end());
}

std::optional<error> supervisor_state::start(child& x) {
  auto& spec = x.what.spec;
  try {
    auto made = x.what.start();
    if (!made)
      return made.error();
    x.handle = std::move(made.value());
  } catch (const std::exception& why) {
    return error{ec::invalid_argument, why.what()};
  }
  if (!x.handle)
    return error{ec::invalid_argument, spec.name + " was not made"};
  x.since_ms = wall_clock_ms();
  self->monitor(x.handle);
  return std::nullopt;
}

void supervisor_state::give_up(const failure& last) {
  auto& limits = options.limits;
  auto text
    = options.name + " gives up: " + last.name + " ended (" + last.why + ")";
  if (limits.intensity > 0)
    text += ", and there were " + std::to_string(policy->recent())
            + " such ends in " + std::to_string(limits.period.count() / 1'000)
            + " s";
  log::error("{}", text);
  auto why = caf::make_error(caf::sec::runtime_error, std::move(text));
  options.on_give_up(why);
  end(why);
}

void supervisor_state::end(caf::error why) {
  if (end_reason)
    return;
  closing = true;
  end_reason = std::move(why);
  to_start.clear();
  failures.clear();
  // What is being stopped just now comes first, whatever its place.
  for (auto& x : policy->stop_order())
    if (std::find(to_stop.begin(), to_stop.end(), x) == to_stop.end())
      to_stop.push_back(x);
}

void supervisor_state::forget() {
  std::erase_if(children, [](const child& x) {
    return x.what.spec.restart == restart_kind::temporary && !x.handle
           && x.since_ms != 0;
  });
}

supervisor_state::child* supervisor_state::find(const std::string& name_of_it) {
  for (auto& x : children)
    if (x.what.spec.name == name_of_it)
      return &x;
  return nullptr;
}

// -- supervisor ---------------------------------------------------------------

supervisor_impl::behavior_type
supervisor(supervisor_impl::stateful_pointer<supervisor_state> self,
           supervisor_options options, std::vector<supervised_child> children) {
  self->set_exit_handler(
    [self](const caf::exit_msg& x) { self->state.on_exit(x); });
  self->set_down_handler(
    [self](const caf::down_msg& x) { self->state.on_down(x); });
  self->state.init(std::move(options), std::move(children));
  return {
    [self](const proto::Request& x) { return self->state.on_request(x); },
    [self](supervised_child& x) { return self->state.on_start(x); },
    [self](stop_order& x) { return self->state.on_stop(x); },
    [self](const overdue_stop& x) { self->state.on_overdue(x.number); },
  };
}

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/services/service_host.hpp"

#include "actors/replies.hpp"
#include "actors/services/native_run.hpp"
#include "actors/services/process_run.hpp"
#include "runtime/log.hpp"

#include <caf/actor_cast.hpp>

#include <utility>

namespace coppice {

namespace {

using ms = std::chrono::milliseconds;

/// The part of a lease after which an exclusive instance is stopped: the rest
/// is for clocks that run apart, and for the stop.
constexpr auto lease_part = 0.8;

/// See ServiceSpec.
constexpr int64_t default_request_timeout_ms = 30'000;

bool is_end(proto::ServiceStatus x) {
  return x == proto::SERVICE_STOPPED || x == proto::SERVICE_FAILED;
}

} // namespace

// -- handlers -----------------------------------------------------------------

void service_host_state::on_listener(const listener_address& x) {
  address = to_string(x.address);
  confirmed = now();
  poll();
  self->delayed_send(self, options.tick, caf::tick_atom::value);
}

void service_host_state::poll() {
  if (address.empty())
    return;
  proto::Request request;
  auto& x = *request.mutable_services();
  x.set_known(rows.version());
  x.set_wait_ms(stopping ? 0 : options.wait.count());
  x.set_node(options.node);
  x.set_incarnation(options.incarnation);
  for (auto& [who, y] : all)
    *x.add_reports() = y.report;
  auto number = ++question;
  auto asked = now();
  // CLUSTER_LINK always answers.
  self->request(options.cluster, caf::infinite, std::move(request))
    .then([this, number,
           asked](const proto::Reply& reply) { on_rows(number, asked, reply); },
          [this, number, asked](const caf::error& why) {
            on_rows(number, asked, refusal(to_error(lost_read(why))));
          });
}

std::chrono::nanoseconds service_host_state::now() const {
  return options.boot_time ? options.boot_time()
                           : self->clock().now().time_since_epoch();
}

void service_host_state::on_rows(uint64_t number,
                                 std::chrono::nanoseconds asked,
                                 const proto::Reply& x) {
  auto answered = !x.has_error() && x.has_services();
  if (answered)
    confirmed = std::max(confirmed, asked);
  // An older answer may come behind a newer one.
  if (number != question)
    return;
  auto is_new = answered && x.services().version() != rows.version();
  if (is_new)
    rows = x.services();
  else if (answered)
    rows.set_lease_ms(x.services().lease_ms());
  if (is_new && !stopping)
    carry_out();
  if (answered)
    for (auto& [who, y] : all)
      if (y.run)
        self->send(y.run, still_owner{});
  if (number != question)
    return; // News of an instance has asked already.
  // Who does not wait is not asked without a pause.
  auto has_waited = is_new || now() - asked >= options.wait / 2;
  if (has_waited && !stopping)
    poll();
  else
    self->delayed_send(self, options.pause, caf::get_atom::value, number);
}

void service_host_state::carry_out() {
  std::map<service_instance, hosted_instance> has;
  for (auto& [who, x] : all)
    has.emplace(who, x.state);
  auto plan = plan_host(rows, options.node, options.incarnation, has);
  for (auto& who : plan.forget)
    all.erase(who);
  for (auto& who : plan.end)
    end(who, "it has another place by now");
  for (auto& who : plan.leave) {
    auto& x = all.at(who);
    x.state.leaving = true;
    log::info("service {} leaves this node", who.service);
    self->send(x.run, leave_service{});
    self->delayed_send(self, options.leave_grace + x.request,
                       leave_over{who, x.state.epoch});
  }
  for (auto& x : plan.start)
    start(*x.row, *x.place);
}

void service_host_state::start(const proto::ServiceRow& row,
                               const proto::ServicePlace& place) {
  instance_start x;
  x.who = {row.spec().name(), place.instance()};
  x.epoch = place.epoch();
  x.number = row.number();
  x.shard = row.shard();
  x.spec = row.spec();
  auto& y = all[x.who];
  y = {};
  y.state.epoch = x.epoch;
  y.state.exclusive = row.spec().exclusive();
  y.request
    = ms{row.spec().request_timeout_ms() > 0 ? row.spec().request_timeout_ms()
                                             : default_request_timeout_ms};
  y.report.set_service(x.who.service);
  y.report.set_instance(x.who.instance);
  y.report.set_epoch(x.epoch);
  y.report.set_address(address);
  auto why = impossible(x.spec);
  if (!why.empty()) {
    on_news({x.who, x.epoch, proto::SERVICE_FAILED, why});
    return;
  }
  y.report.set_status(proto::SERVICE_STARTING);
  log::info("service {} is started here in epoch {}", x.who.service, x.epoch);
  y.run = spawn(std::move(x));
  self->monitor(y.run);
}

std::string service_host_state::impossible(const proto::ServiceSpec& x) const {
  auto where = " on node " + options.node;
  if (x.form() == proto::PROCESS_SERVICE)
    return options.launcher ? "" : "there is no launcher" + where;
  auto& wanted = x.native_class().empty() ? x.name() : x.native_class();
  if (options.classes.contains(wanted))
    return {};
  return "the program" + where + " has no service class '" + wanted + "'";
}

instance_actor service_host_state::spawn(instance_start x) {
  instance_surroundings here{options.cluster, options.services,
                             caf::actor_cast<instance_observer>(self)};
  if (x.spec.form() == proto::PROCESS_SERVICE) {
    process_run_options how;
    how.start = std::move(x);
    how.here = std::move(here);
    how.launcher = options.launcher;
    how.folder = options.folder;
    how.term_grace = options.term_grace;
    return caf::actor_cast<instance_actor>(
      self->spawn(process_run, std::move(how)));
  }
  native_run_options how;
  auto& wanted
    = x.spec.native_class().empty() ? x.spec.name() : x.spec.native_class();
  how.make = options.classes.at(wanted);
  how.start = std::move(x);
  how.here = std::move(here);
  how.threads = options.threads;
  return caf::actor_cast<instance_actor>(
    options.threads ? self->spawn<caf::detached>(native_run, std::move(how))
                    : self->spawn(native_run, std::move(how)));
}

void service_host_state::on_news(const instance_news& x) {
  auto found = all.find(x.who);
  if (found == all.end() || found->second.state.epoch != x.epoch
      || found->second.state.over)
    return;
  auto& y = found->second;
  y.state.over = is_end(x.status);
  if (x.status == proto::SERVICE_FAILED)
    log::warn("service {} failed: {}", x.who.service, x.why);
  auto changed = y.report.status() != x.status || y.report.why() != x.why;
  y.report.set_status(x.status);
  y.report.set_why(x.why);
  // Also while it stops: others may have what has ended.
  if (changed)
    poll();
}

void service_host_state::on_leave_over(const leave_over& x) {
  auto found = all.find(x.who);
  if (found != all.end() && found->second.state.epoch == x.epoch
      && !found->second.state.over)
    end(x.who, "it did not leave in time");
}

void service_host_state::on_tick() {
  self->delayed_send(self, options.tick, caf::tick_atom::value);
  auto lease = ms{rows.lease_ms()};
  if (lease.count() == 0 || now() - confirmed < lease * lease_part)
    return;
  for (auto& [who, x] : all)
    if (x.state.exclusive && !x.state.over)
      end(who, "no manager has answered for the time of its lease");
}

void service_host_state::on_down(const caf::down_msg& x) {
  for (auto& [who, y] : all)
    if (y.run && y.run.address() == x.source) {
      y.run = nullptr;
      // It may have ended by an exception of its own.
      on_news({who, y.state.epoch, proto::SERVICE_FAILED,
               "it ended by itself; the log of the node says more"});
      break;
    }
  // What has ended may be what another epoch waits for.
  if (stopping)
    look_whether_stopped();
  else
    carry_out();
}

void service_host_state::end(const service_instance& who,
                             const std::string& why) {
  auto& x = all.at(who);
  log::warn("service {} is ended: {}", who.service, why);
  options.services->erase(who, x.state.epoch);
  if (x.run)
    self->send_exit(x.run, caf::exit_reason::kill);
  x.state.leaving = true;
  on_news({who, x.state.epoch, proto::SERVICE_STOPPED, why});
}

void service_host_state::on_exit(const caf::exit_msg& x) {
  if (std::exchange(stopping, true))
    return;
  stop_reason = x.reason;
  for (auto& [who, y] : all)
    if (y.run)
      self->send(y.run, leave_service{});
  self->delayed_send(self, options.stop_grace, caf::put_atom::value);
  look_whether_stopped();
}

void service_host_state::look_whether_stopped() {
  for (auto& [who, x] : all)
    if (x.run)
      return;
  // The cluster has been told of each end, or has not answered.
  self->quit(stop_reason);
}

// -- service_host -------------------------------------------------------------

service_host_impl::behavior_type
service_host(service_host_impl::stateful_pointer<service_host_state> self,
             service_host_options options) {
  self->state.options = std::move(options);
  self->set_down_handler(
    [self](const caf::down_msg& x) { self->state.on_down(x); });
  self->set_exit_handler([self](caf::exit_msg& x) { self->state.on_exit(x); });
  return {
    [self](const listener_address& x) { self->state.on_listener(x); },
    [self](const instance_news& x) { self->state.on_news(x); },
    [self](const leave_over& x) { self->state.on_leave_over(x); },
    [self](caf::get_atom, uint64_t after) {
      if (after == self->state.question)
        self->state.poll();
    },
    [self](caf::tick_atom) { self->state.on_tick(); },
    [self](caf::put_atom) {
      for (auto& [who, x] : self->state.all)
        if (x.run)
          self->state.end(who, "it did not finish in the time that a stop of"
                               " its node has");
    },
  };
}

} // namespace coppice

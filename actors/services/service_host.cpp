// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/services/service_host.hpp"

#include "actors/replies.hpp"
#include "actors/services/native_run.hpp"
#include "actors/services/process_run.hpp"
#include "runtime/log.hpp"

#include <caf/actor_cast.hpp>

#include <algorithm>
#include <utility>

namespace coppice {

namespace {

using ms = std::chrono::milliseconds;

/// Whatever a manager says.
constexpr ms longest_lease = std::chrono::hours{24};

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
  question_mark mark{++last_question, now(), std::chrono::steady_clock::now()};
  // CLUSTER_LINK always answers.
  self->request(options.cluster, caf::infinite, std::move(request))
    .then([this, mark](const proto::Reply& reply) { on_rows(mark, reply); },
          [this, mark](const caf::error& why) {
            on_rows(mark, refusal(to_error(lost_read(why))));
          });
}

std::chrono::nanoseconds service_host_state::now() const {
  return options.boot_time();
}

void service_host_state::on_rows(const question_mark& question,
                                 const proto::Reply& x) {
  auto answered = !x.has_error() && x.has_services();
  if (answered)
    renew(question, x.services().lease_ms());
  // An older answer may come behind a newer one.
  if (question.number != last_question)
    return;
  auto is_new = answered && x.services().version() != rows.version();
  if (is_new)
    rows = x.services();
  if (is_new && !stopping)
    carry_out();
  if (question.number != last_question)
    return; // News of an instance has asked already.
  // Who does not wait is not asked without a pause.
  auto has_waited = is_new || now() - question.asked >= options.wait / 2;
  if (has_waited && !stopping)
    poll();
  else
    self->delayed_send(self, options.pause, caf::get_atom::value,
                       question.number);
}

void service_host_state::renew(const question_mark& question,
                               int64_t lease_ms) {
  // Whose lease is over has lost it, be it that nobody has looked since.
  end_unrenewed();
  confirmed = std::max(confirmed, question.asked);
  lease = std::min(ms{std::max<int64_t>(lease_ms, 0)}, longest_lease);
  for (auto& [who, y] : all) {
    if (!y.run || y.state.ending)
      continue;
    if (y.lease)
      y.lease->set(lease_ends());
    self->send(y.run, still_owner{question.at});
  }
}

std::chrono::nanoseconds service_host_state::lease_ends() const {
  return lease.count() == 0 ? std::chrono::nanoseconds::max()
                            : confirmed + lease / 5 * 4;
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
    self->delayed_send(self, options.leave_grace + x.work,
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
  if (row.spec().exclusive()) {
    y.lease = std::make_shared<lease_end>(options.boot_time);
    y.lease->set(lease_ends());
    x.lease = y.lease;
  }
  y.is_sole
    = row.spec().exclusive() || row.spec().form() == proto::PROCESS_SERVICE;
  y.work
    = ms{row.spec().request_timeout_ms() > 0 ? row.spec().request_timeout_ms()
                                             : default_request_timeout_ms};
  if (row.spec().form() == proto::PROCESS_SERVICE
      && !row.spec().state_path().empty())
    y.work += options.save_patience;
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

state_keeper_actor service_host_state::spawn_keeper(const instance_start& x) {
  state_keeper_options how;
  how.place = {x.shard, x.number, x.epoch};
  how.path = x.spec.state_path();
  how.cluster = options.cluster;
  how.patience
    = ms{x.spec.request_timeout_ms() > 0 ? x.spec.request_timeout_ms()
                                         : default_request_timeout_ms};
  return options.threads
           ? self->spawn<caf::detached>(state_keeper, std::move(how))
           : self->spawn(state_keeper, std::move(how));
}

instance_actor service_host_state::spawn(instance_start x) {
  instance_surroundings here{options.cluster, options.services,
                             caf::actor_cast<instance_observer>(self)};
  if (x.spec.form() == proto::PROCESS_SERVICE) {
    process_run_options how;
    how.start = std::move(x);
    how.here = std::move(here);
    how.launcher = options.launcher;
    if (!how.start.spec.state_path().empty())
      how.keeper = spawn_keeper(how.start);
    how.folder = options.folder;
    how.term_grace = options.term_grace;
    how.save_patience = options.save_patience;
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
  end_unrenewed();
}

void service_host_state::end_unrenewed() {
  for (auto& [who, x] : all)
    if (x.lease && x.lease->is_over() && !x.state.over)
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
  if (std::exchange(x.state.ending, true))
    return;
  log::warn("service {} is ended: {}", who.service, why);
  options.services->erase(who, x.state.epoch);
  // What waits for its turn is not handled any more.
  if (x.lease)
    x.lease->set(std::chrono::nanoseconds{0});
  if (x.run)
    self->send(x.run, end_service{why});
  auto runs = x.run && x.is_sole;
  on_news({who, x.state.epoch,
           runs ? proto::SERVICE_UNHEALTHY : proto::SERVICE_STOPPED, why});
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
  // Others look at leases, too, so this must not need the actor.
  if (!options.boot_time)
    options.boot_time
      = [clock = &self->clock()] { return clock->now().time_since_epoch(); };
  self->state.options = std::move(options);
  self->set_down_handler(
    [self](const caf::down_msg& x) { self->state.on_down(x); });
  self->set_exit_handler([self](caf::exit_msg& x) { self->state.on_exit(x); });
  return {
    [self](const listener_address& x) { self->state.on_listener(x); },
    [self](const instance_news& x) { self->state.on_news(x); },
    [self](const leave_over& x) { self->state.on_leave_over(x); },
    [self](caf::get_atom, uint64_t after) {
      if (after == self->state.last_question)
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

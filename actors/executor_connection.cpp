// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The part of the EXECUTOR that speaks to its manager.

#include "actors/executor.hpp"
#include "runtime/group_name.hpp"
#include "runtime/log.hpp"

#include <caf/error.hpp>

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace coppice {

namespace {

using namespace std::chrono_literals;

/// While attempts run, news waits this long for more of its sort.
constexpr auto flush_interval = 2ms;

/// No further tasks are asked for while more ends than this, per slot and
/// beside a hundred, wait for their acknowledgement.
constexpr size_t max_unacknowledged = 8;

std::string host_name() {
  char buffer[256] = {};
  ::gethostname(buffer, sizeof(buffer) - 1);
  return buffer;
}

} // namespace

// -- handlers -----------------------------------------------------------------

void executor_state::on_directory(directory_actor x) {
  managers.local = std::move(x);
  pauses.found();
  forget_handles();
  self->send(self, caf::connect_atom::value, link.epoch);
}

void executor_state::on_connect(uint64_t epoch) {
  if (epoch != link.epoch || link.state != phase::searching)
    return;
  if (managers.local) {
    greet(managers.local);
    return;
  }
  if (!managers.link)
    return;
  // WORKER_LINK has deadlines of its own, this one is for the worst.
  self
    ->request(managers.link, caf::duration{60s}, caf::connect_atom::value,
              shard_group(options.shard))
    .then(
      [this, epoch](directory_actor& x) {
        if (epoch == link.epoch)
          greet(std::move(x));
      },
      [this, epoch](caf::error&) {
        if (epoch == link.epoch)
          lose("no manager can be reached");
      });
}

void executor_state::on_down(const caf::down_msg& x) {
  if (x.source == link.directory || x.source == link.scheduler
      || x.source == link.tracker)
    lose("the manager is gone");
}

void executor_state::on_flush() {
  flush_scheduled = false;
  if (!connected())
    return keep_words();
  auto now = self->clock().now();
  auto idle = live.empty() && link.in_flight == 0;
  if (idle || now - flushed_at >= flush_interval) {
    flushed_at = now;
    send_news();
    return;
  }
  flush_scheduled = true;
  self->delayed_send(self, flush_interval - (now - flushed_at),
                     caf::flush_atom::value);
}

// -- parts: finding a manager -------------------------------------------------

void executor_state::search_in(ms pause) {
  self->delayed_send(self, pause, caf::connect_atom::value, link.epoch);
}

void executor_state::greet(directory_actor x) {
  stop_unrenewed();
  link.directory = std::move(x);
  link.state = phase::greeting;
  self->monitor(link.directory);
  proto::Hello hello;
  hello.set_node(options.node);
  hello.set_cluster(options.cluster);
  hello.set_incarnation(options.incarnation);
  hello.set_protocol(protocol_version);
  hello.set_connection(link.epoch);
  for (auto& [kind, info] : kinds)
    *hello.add_kinds() = info;
  for (auto& label : options.labels)
    hello.add_labels(label);
  hello.set_slots(options.slots);
  hello.set_shard(options.shard);
  hello.set_host(host_name());
  hello.set_pid(static_cast<uint64_t>(::getpid()));
  table.fill(hello);
  for (auto& end : inherited)
    *hello.add_finishes() = end;
  auto epoch = link.epoch;
  auto asked = options.boot_time();
  self
    ->request(link.directory, caf::duration{options.answer_timeout},
              std::move(hello), caf::actor_cast<worker_actor>(self))
    .then(
      [this, epoch, asked](proto::Welcome& welcome,
                           job_scheduler_actor& scheduler,
                           task_tracker_actor& tracker) {
        if (epoch == link.epoch)
          on_welcome(welcome, scheduler, tracker, asked);
      },
      [this, epoch](caf::error& err) {
        if (epoch == link.epoch)
          lose("the manager does not welcome it: "
               + self->system().render(err));
      });
}

void executor_state::on_welcome(const proto::Welcome& x,
                                const job_scheduler_actor& scheduler,
                                const task_tracker_actor& tracker,
                                std::chrono::nanoseconds asked) {
  if (x.has_error()) {
    if (static_cast<ec>(x.error().code()) == ec::not_leader)
      look_further(x.error().message());
    else
      lose("the manager refuses it: " + x.error().message());
    return;
  }
  if (!scheduler || !tracker) {
    lose("the manager gave no handles");
    return;
  }
  inherited.clear();
  kept = 0;
  forget_last_words(paths.data_dir);
  link.state = phase::connected;
  link.scheduler = scheduler;
  link.tracker = tracker;
  if (x.lease_ms() > 0)
    link.lease = ms{x.lease_ms()};
  renewed(asked);
  note_shards(x.shards());
  self->monitor(link.scheduler);
  self->monitor(link.tracker);
  log::info("{} is connected to a manager, it holds {} attempts", label(),
            table.running() + table.finished());
  reconcile(x);
  resume_transfers();
  if (table.news())
    send_report();
  send_pull();
}

void executor_state::note_shards(uint32_t n) {
  if (n <= shards)
    return;
  shards = n;
  options.on_shards(n);
}

void executor_state::reconcile(const proto::Welcome& x) {
  for (auto& ref : x.missing())
    drop(to_attempt_key(ref));
  for (auto& ref : x.obsolete())
    drop(to_attempt_key(ref));
  for (auto& ref : x.cancelled())
    stop_attempt(to_attempt_key(ref), proto::CANCEL_REQUESTED);
}

void executor_state::look_further(const std::string& why) {
  forget_handles();
  auto pause = pauses.after_follower(rng());
  if (pauses.election_is_news())
    log::warn("{} finds no manager that leads: {}", label(), why);
  search_in(pause);
}

void executor_state::lose(const std::string& why) {
  forget_handles();
  auto pause = pauses.after_loss(rng());
  if (pauses.loss_is_news())
    log::warn("{} has no manager: {}", label(), why);
  else
    log::debug("{} has no manager: {}", label(), why);
  search_in(pause);
}

void executor_state::forget_handles() {
  if (link.directory)
    self->demonitor(link.directory.address());
  if (link.scheduler)
    self->demonitor(link.scheduler.address());
  if (link.tracker)
    self->demonitor(link.tracker.address());
  connection next;
  next.epoch = link.epoch + 1;
  // The last lease lives on, as far as this node knows.
  next.lease = link.lease;
  next.renewed = link.renewed;
  link = std::move(next);
  table.connection_lost();
  keep_words();
  for (auto& [key, x] : live)
    x.transfer_in_flight = false;
}

// -- parts: news --------------------------------------------------------------

void executor_state::schedule_flush() {
  if (flush_scheduled)
    return;
  flush_scheduled = true;
  // Behind all messages that wait already: what they bring goes along.
  self->send(self, caf::flush_atom::value);
}

void executor_state::send_news() {
  while (table.urgent() && link.in_flight < max_reports_in_flight)
    send_report();
  if (link.pulled != std::pair{free_slots(), link.seen})
    send_pull();
}

void executor_state::send_keepalive() {
  stop_unrenewed();
  proto::Report x;
  x.set_node(options.node);
  x.set_incarnation(options.incarnation);
  reported_at = self->clock().now();
  auto epoch = link.epoch;
  auto sent = options.boot_time();
  self
    ->request(link.tracker, caf::duration{options.answer_timeout}, std::move(x))
    .then(
      [this, epoch, sent](const proto::ReportAck& ack) {
        if (epoch != link.epoch)
          return;
        if (ack.has_error()) {
          lose("a keep-alive is refused: " + ack.error().message());
          return;
        }
        renewed(sent);
        note_shards(ack.shards());
        follow(ack.drain());
      },
      [this, epoch](caf::error& err) {
        if (epoch == link.epoch)
          lose("a keep-alive is not answered: " + self->system().render(err));
      });
}

void executor_state::send_report() {
  // What a manager waits for its disk with must not hold back the sign of life.
  if (link.in_flight >= max_reports_in_flight)
    return send_keepalive();
  stop_unrenewed();
  proto::Report x;
  x.set_node(options.node);
  x.set_incarnation(options.incarnation);
  x.set_number(++link.reports);
  table.fill(x);
  ++link.in_flight;
  reported_at = self->clock().now();
  auto epoch = link.epoch;
  auto number = link.reports;
  auto sent = options.boot_time();
  self
    ->request(link.tracker, caf::duration{options.answer_timeout}, std::move(x))
    .then(
      [this, epoch, number, sent](const proto::ReportAck& ack) {
        if (epoch == link.epoch)
          on_ack(number, ack, sent);
      },
      [this, epoch](caf::error& err) {
        if (epoch == link.epoch)
          lose("a report is not answered: " + self->system().render(err));
      });
}

void executor_state::on_ack(uint64_t number, const proto::ReportAck& x,
                            std::chrono::nanoseconds sent) {
  if (x.has_error()) {
    lose("a report is refused: " + x.error().message());
    return;
  }
  --link.in_flight;
  // Not earlier: a manager may welcome a worker and refuse what it says.
  pauses.found();
  renewed(sent);
  note_shards(x.shards());
  follow(x.drain());
  remove_folders done;
  for (auto& key : table.acknowledged(number))
    if (with_folder.erase(key) > 0)
      done.keys.push_back(key);
  if (!done.keys.empty())
    self->send(files, std::move(done));
  if (table.urgent() || link.pulled != std::pair{free_slots(), link.seen})
    schedule_flush();
  if (stopping)
    quit_if_done(self->clock().now());
}

void executor_state::send_pull() {
  proto::Pull x;
  x.set_node(options.node);
  x.set_incarnation(options.incarnation);
  auto slots = free_slots();
  x.set_free(slots.free);
  x.set_idle(slots.idle);
  x.set_slots(slots.total);
  x.set_seen(link.seen);
  x.set_connection(link.epoch);
  for (auto& [kind, info] : kinds)
    x.add_kinds(kind);
  for (auto& label : options.labels)
    x.add_labels(label);
  link.pulled.emplace(slots, x.seen());
  pulled_at = self->clock().now();
  self->send(link.scheduler, std::move(x), caf::actor_cast<worker_actor>(self));
}

slot_offer executor_state::free_slots() const {
  auto full = table.finished() > max_unacknowledged * options.slots + 100;
  auto out = options.pool->share();
  if (stopping || full || drain != proto::NO_DRAIN)
    out.free = 0;
  return out;
}

} // namespace coppice

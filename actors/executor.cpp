// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/executor.hpp"

#include "runtime/boot_time.hpp"
#include "runtime/group_name.hpp"
#include "runtime/log.hpp"
#include "runtime/task/kind_table.hpp"

#include <algorithm>
#include <ctime>
#include <utility>

namespace coppice {

namespace {

using namespace std::chrono_literals;

/// How long reports are waited for when nothing runs any more.
constexpr auto report_patience = 2s;

} // namespace

executor_state::~executor_state() {
  if (!options.pool)
    return; // It was not told anything.
  options.pool->leave();
  auto exclusive = false;
  for (auto& [key, x] : live) {
    // Nobody hears how it ends: the manager finds that this node does not have
    // it, and what it still says is fenced.
    if (x.control)
      x.control->stop({});
    if (x.has_slot)
      options.pool->give_back(x.weight);
    exclusive = exclusive || (x.exclusive && x.control);
  }
  if (!live.empty())
    options.on_slots();
  if (!exclusive || stopping)
    return;
  exclusive_end->set({});
  options.on_lost_exclusive();
}

// -- initialization -----------------------------------------------------------

void executor_state::init(executor_options xs, manager_contacts ms_) {
  options = std::move(xs);
  managers = std::move(ms_);
  if (!options.boot_time)
    options.boot_time = read_boot_time;
  exclusive_end = std::make_shared<lease_end>(options.boot_time);
  if (!options.pool)
    options.pool = std::make_shared<slot_pool>(options.slots);
  options.pool->join();
  link.epoch = options.first_connection;
  pauses = {options.backoff_min, options.backoff_max};
  rng.seed(options.seed != 0 ? options.seed : std::random_device{}());
  paths.data_dir = options.data_dir;
  retire_attempt_folders(paths);
  inherited = read_last_words(paths.data_dir);
  files = options.threads ? self->spawn<caf::detached>(executor_files, paths)
                          : self->spawn(executor_files, paths);
  starters = options.starters;
  auto defaults = built_in_kinds();
  for (auto* built_in : {"noop", "sleep"})
    kinds[built_in] = *defaults.find(built_in);
  for (auto& x : options.kinds) {
    kinds[x.info.name()] = x.info;
    if (x.run)
      starters[x.info.name()]
        = function_starter(self->system(), x.info.name(), x.run);
  }
  for (auto& [kind, starter] : starters)
    if (auto* info = defaults.find(kind); info && !kinds.contains(kind))
      kinds[kind] = *info;
  self->send(self, caf::tick_atom::value);
  self->send(self, caf::connect_atom::value, link.epoch);
}

// -- handlers -----------------------------------------------------------------

caf::result<proto::Reply>
executor_state::on_log_request(const proto::LogRequest& x) {
  auto task = parse_task_id(x.id());
  if (!task) {
    proto::Reply reply;
    reply.mutable_error()->set_code(static_cast<uint32_t>(task.error().code));
    reply.mutable_error()->set_message(task.error().message);
    return reply;
  }
  read_log ask;
  ask.key = {task.value(), x.attempt()};
  ask.offset = x.offset();
  ask.limit = x.limit();
  ask.known = table.latest(task.value());
  if (x.attempt() != 0 && table.holds(ask.key))
    ask.known = x.attempt();
  ask.known_runs = live.contains({task.value(), ask.known});
  return self->delegate(files, std::move(ask));
}

void executor_state::on_tick() {
  // First of all, so that no way out of this function stops the timer.
  self->delayed_send(self, tick_interval(), caf::tick_atom::value);
  auto now = self->clock().now();
  abandon_stuck(now);
  stop_unrenewed();
  give_back_slotless(now);
  if (connected()) {
    auto silent = now - reported_at >= keepalive_interval();
    if (silent || (table.news() && link.in_flight < max_reports_in_flight))
      send_report();
    if (now - pulled_at >= keepalive_interval())
      send_pull();
  }
  if (now - pruned_at >= options.prune_interval) {
    pruned_at = now;
    prune_logs();
  }
  quit_if_done(now);
}

void executor_state::on_exit(const caf::exit_msg& x) {
  if (stopping)
    return;
  auto now = self->clock().now();
  stopping = true;
  stop_reason = x.reason;
  stop_deadline = now + options.term_grace + options.stop_slack;
  log::info("{} stops, {} attempts run", label(), live.size());
  std::vector<attempt_key> keys;
  for (auto& [key, unused] : live)
    keys.push_back(key);
  for (auto& key : keys)
    stop_attempt(key, proto::NODE_STOPPED);
  if (connected())
    send_pull();
  schedule_flush();
  quit_if_done(now);
}

// -- parts --------------------------------------------------------------------

void executor_state::prune_logs() {
  find_old_logs ask;
  ask.bounds = options.logs;
  // The worker's other executors have as much.
  ask.bounds.max_bytes /= shards;
  for (auto& [key, unused] : live)
    ask.running.push_back(key);
  // Without a deadline: it is in this process, and a large folder takes long.
  self->request(files, caf::infinite, std::move(ask))
    .then(
      [this](old_logs& found) {
        // Some may have begun since; what has ended does not begin again.
        auto& xs = found.items;
        auto runs = [this](const kept_log& x) { return live.contains(x.key); };
        xs.erase(std::remove_if(xs.begin(), xs.end(), runs), xs.end());
        if (xs.empty())
          return;
        log::debug("{} removes the output of {} attempts", label(), xs.size());
        self->send(files, remove_logs{std::move(xs)});
      },
      [this](const caf::error& why) {
        log::warn("{} cannot look through its output: {}", label(),
                  caf::to_string(why));
      });
}

std::string executor_state::label() const {
  return "executor of " + shard_group(options.shard);
}

void executor_state::quit_if_done(time_point now) {
  if (!stopping)
    return;
  if (live.empty() && !idle_since)
    idle_since = now;
  auto told = live.empty() && table.finished() == 0;
  auto waited = idle_since && now - *idle_since >= report_patience;
  if (!told && !waited && now < stop_deadline)
    return;
  if (!live.empty())
    log::warn("{} quits while {} attempts still run", label(), live.size());
  leave_words();
  if (auto n = table.finished() + inherited.size(); n > 0)
    log::info("{} leaves the ends of {} attempts to its next start: no manager "
              "has acknowledged them",
              label(), n);
  self->quit(stop_reason);
}

void executor_state::leave_words() {
  auto words = table.unacknowledged();
  words.insert(words.end(), inherited.begin(), inherited.end());
  if (words.empty())
    return;
  leave_last_words(paths.data_dir, words);
}

void executor_state::keep_words() {
  // Without a manager there are only ever more.
  if (connected() || table.finished() == kept)
    return;
  kept = table.finished();
  leave_words();
}

executor_state::ms executor_state::tick_interval() const {
  return std::clamp(keepalive_interval() / 4, 5ms, 250ms);
}

executor_state::ms executor_state::keepalive_interval() const {
  return std::min(options.keepalive, link.lease / 3);
}

// -- executor -----------------------------------------------------------------

executor_impl::behavior_type
executor(executor_impl::stateful_pointer<executor_state> self,
         executor_options options, manager_contacts managers) {
  self->set_exit_handler(
    [self](const caf::exit_msg& x) { self->state.on_exit(x); });
  self->set_down_handler(
    [self](const caf::down_msg& x) { self->state.on_down(x); });
  self->state.init(std::move(options), std::move(managers));
  return {
    [self](const proto::Assignments& x) { self->state.on_assignments(x); },
    [self](const proto::StopAttempts& x) { self->state.on_stop_attempts(x); },
    [self](const proto::LogRequest& x) {
      return self->state.on_log_request(x);
    },
    [self](directory_actor x) { self->state.on_directory(std::move(x)); },
    [self](run_event& x) { self->state.on_run_event(x); },
    [self](const pause_over& x) { self->state.on_pause_over(x); },
    [self](atom::slots) { self->state.on_slots(); },
    [self](caf::tick_atom) { self->state.on_tick(); },
    [self](caf::flush_atom) { self->state.on_flush(); },
    [self](caf::connect_atom, uint64_t epoch) {
      self->state.on_connect(epoch);
    },
  };
}

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The part of the EXECUTOR that runs attempts.

#include "actors/executor.hpp"
#include "actors/kinds/sleep.hpp"
#include "runtime/duration.hpp"
#include "runtime/log.hpp"
#include "runtime/task/spec_check.hpp"

#include <algorithm>
#include <utility>

namespace coppice {

namespace {

using item = proto::FinishCommand::Item;

/// Returns how an attempt ends that was told to stop because of *why*.
item end_of_stopped(proto::Reason why) {
  switch (why) {
    case proto::CANCEL_REQUESTED: {
      item x;
      x.set_outcome(proto::CANCELLED);
      x.set_reason(why);
      return x;
    }
    case proto::TOTAL_TIMEOUT: {
      auto x = failed("timed_out", "the total timeout of the task passed");
      x.set_outcome(proto::TIMED_OUT);
      x.set_reason(why);
      return x;
    }
    case proto::STALLED: {
      auto x = failed("stalled", "progress stood still for too long");
      x.set_reason(why);
      return x;
    }
    case proto::NODE_DRAINED: {
      auto x = failed("node_drained", "the node is drained");
      x.set_reason(why);
      return x;
    }
    default: {
      auto x = failed("node_stopping", "the node was stopped");
      x.set_reason(why);
      return x;
    }
  }
}

/// Orders the reasons to stop: the last one wins.
int weight(proto::Reason why) {
  switch (why) {
    case proto::REASON_UNSPECIFIED:
      return 0;
    case proto::STALLED:
      return 1;
    case proto::NODE_STOPPED:
    case proto::NODE_DRAINED:
      return 2;
    case proto::TOTAL_TIMEOUT:
      return 3;
    default:
      return 4;
  }
}

} // namespace

// -- handlers -----------------------------------------------------------------

void executor_state::on_assignments(const proto::Assignments& x) {
  // Anything else was sent before this connection began, and its manager was
  // told at that time that the attempts never came.
  if (!connected() || x.number() != link.seen + 1) {
    log::warn("{} refuses assignments {} of an earlier connection", label(),
              x.number());
    for (auto& it : x.items())
      reject(to_attempt_key(it.ref()), "the assignment came too late");
  } else {
    link.seen = x.number();
    for (auto& it : x.items())
      assign(it);
  }
  schedule_flush();
}

void executor_state::on_stop_attempts(const proto::StopAttempts& x) {
  for (auto& ref : x.refs())
    stop_attempt(to_attempt_key(ref), x.reason());
}

void executor_state::on_run_event(run_event& x) {
  // It may have stopped by itself, before this actor noticed.
  stop_unrenewed();
  auto i = live.find(x.key);
  if (i == live.end())
    return;
  if (auto* started = std::get_if<run_started>(&x.what)) {
    i->second.started = true;
    table.started(x.key, started->at_ms);
    schedule_flush();
  } else if (auto* further = std::get_if<run_progressed>(&x.what)) {
    table.progress(x.key, std::move(further->progress));
  } else if (auto* saving = std::get_if<run_checkpoint>(&x.what)) {
    save_checkpoint(i, std::move(*saving));
  } else if (auto* over = std::get_if<run_ended>(&x.what)) {
    ended(i, std::move(over->end));
  }
}

void executor_state::on_pause_over(const pause_over& x) {
  auto i = live.find(x.key);
  if (i == live.end())
    return;
  auto& sleep = i->second.spec->sleep();
  write_journal(sleep.journal(), "end", x.key);
  if (x.key.attempt <= sleep.fail_attempts())
    ended(i, failed("sleep_failed", "this attempt was to fail"));
  else
    ended(i, succeeded(""));
}

// -- parts: beginning ---------------------------------------------------------

void executor_state::assign(const proto::Assignment& x) {
  auto key = to_attempt_key(x.ref());
  auto spec = std::make_shared<proto::TaskSpec>();
  if (!spec->ParseFromString(x.spec())) {
    reject(key, "its spec cannot be read");
    return;
  }
  auto kind = kinds.find(spec->kind());
  if (kind == kinds.end()) {
    reject(key, "the node cannot run tasks of this kind");
    return;
  }
  if (stopping || drain != proto::NO_DRAIN) {
    reject(key, stopping ? "the node stops" : "the node is drained");
    return;
  }
  if (!admit(key))
    return;
  if (spec->kind() == "noop") {
    // The hot path: no entry, no actor, no thread.
    auto end = succeeded("");
    end.set_started(true);
    end.set_started_ms(wall_ms());
    end.set_resumed_bytes(-1);
    table.finish(key, std::move(end));
    return;
  }
  auto i = live.try_emplace(key).first;
  i->second.exclusive = kind->second.exclusive();
  i->second.weight = weight_of(*spec);
  i->second.spec = std::move(spec);
  i->second.slot_deadline = self->clock().now() + options.slot_patience;
  if (x.has_checkpoint() && x.checkpoint().chunks() > 0)
    i->second.head = x.checkpoint();
  begin(i);
}

void executor_state::begin(attempt_map::iterator i) {
  auto& x = i->second;
  // The leader of another shard may have used the same offer.
  x.has_slot = options.pool->take(x.weight);
  if (!x.has_slot)
    return;
  options.on_slots();
  if (x.head)
    load_checkpoint(i, *x.head);
  else
    ready(i);
}

void executor_state::on_slots() {
  std::vector<attempt_key> waiting;
  for (auto& [key, x] : live)
    if (!x.has_slot && !x.dropped)
      waiting.push_back(key);
  for (auto& key : waiting)
    if (auto i = live.find(key); i != live.end())
      begin(i);
  schedule_flush(); // The offer is another one now.
}

void executor_state::give_back_slotless(time_point now) {
  std::vector<attempt_key> late;
  for (auto& [key, x] : live)
    if (!x.has_slot && now >= x.slot_deadline)
      late.push_back(key);
  for (auto& key : late) {
    auto end = failed("refused_by_node", "all slots of the node were taken");
    end.set_reason(proto::REFUSED_BY_NODE);
    table.finish(key, std::move(end));
    erase(live.find(key));
  }
}

bool executor_state::admit(const attempt_key& key) {
  using verdict = attempt_table::verdict;
  switch (table.admit(key)) {
    case verdict::admitted:
      return true;
    case verdict::repeated:
      break;
    case verdict::refused:
      reject(key, "the attempt was given up already");
      break;
    case verdict::stopped:
      table.finish(key, end_of_stopped(*table.early_stop(key)));
      break;
  }
  return false;
}

void executor_state::reject(const attempt_key& key, const std::string& why) {
  auto end = failed("refused_by_node", why);
  end.set_reason(proto::REFUSED_BY_NODE);
  table.reject(key, std::move(end));
  schedule_flush();
}

void executor_state::ready(attempt_map::iterator i) {
  // Another attempt of the task may still be dying here; the two must not meet
  // in its files.
  auto other = live.lower_bound({i->first.task, 0});
  for (; other != live.end() && other->first.task == i->first.task; ++other) {
    if (other == i || other->second.waits || other->second.abandoned)
      continue;
    i->second.waits = true;
    if (other->first < i->first && !other->second.dropped)
      drop(other->first);
    return;
  }
  i->second.waits = false;
  start(i);
}

void executor_state::start(attempt_map::iterator i) {
  auto& [key, x] = *i;
  if (x.spec->kind() == "sleep") {
    start_sleep(i);
    return;
  }
  run_start what;
  what.key = key;
  what.spec = x.spec;
  what.checkpoint = std::move(x.checkpoint);
  what.folder = paths.folder(key);
  what.log_file = paths.log_file(key);
  if (x.exclusive)
    what.lease = exclusive_end;
  if (options.starters.contains(x.spec->kind()))
    with_folder.insert(key);
  x.checkpoint.reset();
  x.control = starters[x.spec->kind()](caf::actor_cast<run_observer>(self),
                                       std::move(what));
}

void executor_state::start_sleep(attempt_map::iterator i) {
  auto& [key, x] = *i;
  x.started = true;
  table.started(key, wall_ms());
  write_journal(x.spec->sleep().journal(), "start", key);
  self->delayed_send(self, to_milliseconds(x.spec->sleep().duration()),
                     pause_over{key});
  schedule_flush();
}

// -- parts: stopping ----------------------------------------------------------

void executor_state::follow(proto::DrainOrder x) {
  if (!proto::DrainOrder_IsValid(x) || std::exchange(drain, x) == x)
    return;
  log::info("{} {}", label(),
            x == proto::NO_DRAIN        ? "is not drained any more"
            : x == proto::MOVE_ATTEMPTS ? "is drained: its attempts move"
                                        : "is drained: its time is up");
  std::vector<attempt_key> keys;
  for (auto& [key, held] : live)
    if (x != proto::NO_DRAIN && !held.dropped)
      keys.push_back(key);
  for (auto& key : keys)
    if (x == proto::STOP_ATTEMPTS)
      stop_attempt(key, proto::NODE_DRAINED);
    else if (auto i = live.find(key); i != live.end())
      move_attempt(i);
  schedule_flush(); // The offer is another one now.
}

void executor_state::move_attempt(attempt_map::iterator i) {
  auto& x = i->second;
  if (x.control)
    x.control->ask_for_checkpoint();
  else if (!x.started)
    stop_attempt(attempt_key{i->first}, proto::NODE_DRAINED);
}

void executor_state::stop_attempt(const attempt_key& key, proto::Reason why) {
  if (why == proto::LEASE_EXPIRED) {
    drop(key);
    return;
  }
  auto i = live.find(key);
  if (i == live.end()) {
    // It may be on its way from the JOB_SCHEDULER.
    table.stop_early(key, why);
    return;
  }
  auto& x = i->second;
  // It has ended, and only its checkpoint holds it up.
  if (x.end && weight(why) == weight(proto::NODE_STOPPED))
    return;
  if (weight(why) > weight(x.stop))
    x.stop = why;
  if (x.end) {
    checkpoint_done(i, ok());
    return;
  }
  if (x.give_up_at)
    return;
  if (!x.control) {
    // Asleep, waiting, or loading its checkpoint: nothing of it runs.
    ended(i, {});
    return;
  }
  x.give_up_at = self->clock().now() + options.term_grace + ms{1'000};
  x.control->stop(options.term_grace);
}

void executor_state::drop(const attempt_key& key) {
  table.refuse(key);
  auto i = live.find(key);
  if (i == live.end()) {
    if (with_folder.erase(key) > 0)
      self->send(files, remove_folders{{key}});
    return;
  }
  auto& x = i->second;
  if (x.dropped)
    return;
  x.dropped = true;
  if (x.control && !x.end)
    x.control->stop(ms{0});
  else
    erase(i);
}

void executor_state::abandon_stuck(time_point now) {
  for (auto& [key, x] : live) {
    if (!x.give_up_at || now < *x.give_up_at || x.abandoned || x.dropped)
      continue;
    log::warn("{} gives attempt {} up, which does not stop; it keeps its slot",
              label(), to_string(key));
    x.abandoned = true;
    finish(key, x, {});
  }
}

std::chrono::nanoseconds executor_state::last_moment() const {
  auto margin = link.lease / 5 + tick_interval();
  return link.renewed + link.lease - margin;
}

void executor_state::renewed(std::chrono::nanoseconds sent) {
  link.renewed = std::max(link.renewed, sent);
  exclusive_end->set(last_moment());
}

void executor_state::stop_unrenewed() {
  if (options.boot_time() < last_moment())
    return;
  std::vector<attempt_key> keys;
  for (auto& [key, x] : live)
    if (x.exclusive && !x.dropped)
      keys.push_back(key);
  for (auto& key : keys) {
    log::warn("{} ends attempt {}: its lease may be over", label(),
              to_string(key));
    drop(key);
  }
}

// -- parts: ending ------------------------------------------------------------

void executor_state::ended(attempt_map::iterator i, item end) {
  auto& [key, x] = *i;
  if (!x.dropped && !x.abandoned) {
    // What it saved last must be there when the next attempt starts.
    if (end.outcome() == proto::FAILED && x.upload
        && x.stop == proto::REASON_UNSPECIFIED) {
      x.end = std::move(end);
      return;
    }
    finish(key, x, std::move(end));
  }
  erase(i);
}

void executor_state::finish(const attempt_key& key, held_attempt& x, item end) {
  if (x.stop != proto::REASON_UNSPECIFIED) {
    auto status = end.exit_status();
    end = end_of_stopped(x.stop);
    end.set_exit_status(status);
  }
  end.set_started(end.started() || x.started || x.control);
  end.set_resumed_bytes(x.resumed_bytes);
  table.finish(key, std::move(end));
  schedule_flush();
}

void executor_state::erase(attempt_map::iterator i) {
  auto task = i->first.task;
  if (i->second.dropped && with_folder.erase(i->first) > 0)
    self->send(files, remove_folders{{i->first}});
  if (i->second.has_slot) {
    options.pool->give_back(i->second.weight);
    options.on_slots();
  }
  live.erase(i);
  auto next = live.lower_bound({task, 0});
  for (; next != live.end() && next->first.task == task; ++next)
    if (next->second.waits) {
      ready(next);
      break;
    }
  schedule_flush();
  if (stopping)
    quit_if_done(self->clock().now());
}

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/attempt_table.hpp"

#include <algorithm>
#include <map>

namespace coppice {

// -- modifiers ----------------------------------------------------------------

attempt_table::verdict attempt_table::admit(const attempt_key& key) {
  if (refused_.entries.contains(key))
    return verdict::refused;
  if (holds(key))
    return verdict::repeated;
  running_.try_emplace(key);
  return early_stops_.entries.contains(key) ? verdict::stopped
                                            : verdict::admitted;
}

void attempt_table::started(const attempt_key& key, int64_t started_ms) {
  auto i = running_.find(key);
  if (i == running_.end())
    return;
  auto& x = i->second;
  x.started_ms = started_ms;
  if (!x.fresh) {
    x.fresh = true;
    ++urgent_starts_;
  }
  mark_changed(key, x);
}

void attempt_table::progress(const attempt_key& key, proto::Progress progress) {
  auto i = running_.find(key);
  if (i == running_.end())
    return;
  i->second.progress = std::move(progress);
  mark_changed(key, i->second);
}

bool attempt_table::finish(const attempt_key& key,
                           proto::FinishCommand::Item item) {
  auto i = running_.find(key);
  if (i == running_.end())
    return false;
  auto& x = i->second;
  if (x.started_ms != 0)
    item.set_started_ms(x.started_ms);
  if (x.progress.changed_ms() != 0)
    *item.mutable_progress() = std::move(x.progress);
  urgent_starts_ -= x.fresh ? 1 : 0;
  running_.erase(i);
  add_finished(key, std::move(item));
  return true;
}

void attempt_table::reject(const attempt_key& key,
                           proto::FinishCommand::Item item) {
  if (!holds(key))
    add_finished(key, std::move(item));
}

void attempt_table::refuse(const attempt_key& key) {
  if (auto i = running_.find(key); i != running_.end()) {
    urgent_starts_ -= i->second.fresh ? 1 : 0;
    running_.erase(i);
  }
  finished_.erase(key);
  refused_.add(key, true);
}

bool attempt_table::stop_early(const attempt_key& key, proto::Reason reason) {
  if (holds(key) || refused_.entries.contains(key))
    return false;
  return early_stops_.add(key, reason);
}

bool attempt_table::fill(proto::Report& x) {
  fill_attempts(x);
  auto keys = fill_finishes(x);
  in_flight_.emplace_back(x.number(), std::move(keys));
  return x.attempts_size() > 0 || x.finishes_size() > 0;
}

std::vector<attempt_key> attempt_table::acknowledged(uint64_t number) {
  std::vector<attempt_key> result;
  auto has_number = [number](const auto& x) { return x.first == number; };
  auto i = std::find_if(in_flight_.begin(), in_flight_.end(), has_number);
  if (i == in_flight_.end())
    return result;
  for (auto& key : i->second)
    if (finished_.erase(key) > 0)
      result.push_back(key);
  in_flight_.erase(i);
  return result;
}

void attempt_table::connection_lost() {
  in_flight_.clear();
  due_.clear();
  changed_.clear();
  urgent_starts_ = 0;
  for (auto& [key, item] : finished_)
    due_.push_back(key);
  // Equal tables send equal reports, whatever the order of a hash table.
  std::sort(due_.begin(), due_.end());
  for (auto& [key, x] : running_) {
    x.changed = false;
    x.fresh = x.started_ms != 0;
    urgent_starts_ += x.fresh ? 1 : 0;
    if (x.fresh || x.progress.changed_ms() != 0)
      mark_changed(key, x);
  }
}

// -- properties ---------------------------------------------------------------

void attempt_table::fill(proto::Hello& x) const {
  for (auto& [key, unused] : running_)
    assign_ref(*x.add_holds(), key);
  for (auto& [key, unused] : finished_)
    assign_ref(*x.add_holds(), key);
}

std::vector<proto::FinishCommand::Item> attempt_table::unacknowledged() const {
  std::map<attempt_key, proto::FinishCommand::Item> ordered{finished_.begin(),
                                                            finished_.end()};
  std::vector<proto::FinishCommand::Item> result;
  for (auto& [key, item] : ordered)
    result.push_back(std::move(item));
  return result;
}

bool attempt_table::holds(const attempt_key& key) const {
  return running_.contains(key) || finished_.contains(key);
}

bool attempt_table::runs(const attempt_key& key) const {
  return running_.contains(key);
}

uint32_t attempt_table::latest(const task_id& task) const {
  uint32_t result = 0;
  auto look = [&](const auto& entries) {
    for (auto& [key, unused] : entries)
      if (key.task == task)
        result = std::max(result, key.attempt);
  };
  look(running_);
  look(finished_);
  return result;
}

std::optional<proto::Reason>
attempt_table::early_stop(const attempt_key& key) const {
  auto i = early_stops_.entries.find(key);
  if (i == early_stops_.entries.end())
    return std::nullopt;
  return i->second;
}

// -- private ------------------------------------------------------------------

void attempt_table::add_finished(const attempt_key& key,
                                 proto::FinishCommand::Item item) {
  assign_ref(*item.mutable_id(), key.task);
  item.set_attempt(key.attempt);
  finished_.emplace(key, std::move(item));
  due_.push_back(key);
}

void attempt_table::mark_changed(const attempt_key& key, running_attempt& x) {
  if (x.changed)
    return;
  x.changed = true;
  changed_.push_back(key);
}

void attempt_table::fill_attempts(proto::Report& x) {
  size_t taken = 0;
  while (taken < changed_.size()
         && static_cast<size_t>(x.attempts_size()) < max_report_items) {
    auto& key = changed_[taken++];
    auto i = running_.find(key);
    // What has ended since is told by its finish.
    if (i == running_.end() || !i->second.changed)
      continue;
    i->second.changed = false;
    urgent_starts_ -= i->second.fresh ? 1 : 0;
    i->second.fresh = false;
    auto& out = *x.add_attempts();
    assign_ref(*out.mutable_ref(), key);
    out.set_started_ms(i->second.started_ms);
    if (i->second.progress.changed_ms() != 0)
      *out.mutable_progress() = i->second.progress;
  }
  changed_.erase(changed_.begin(),
                 changed_.begin() + static_cast<std::ptrdiff_t>(taken));
}

std::vector<attempt_key> attempt_table::fill_finishes(proto::Report& x) {
  std::vector<attempt_key> keys;
  size_t bytes = 0;
  while (!due_.empty() && keys.size() < max_report_items
         && bytes < max_report_bytes) {
    auto i = finished_.find(due_.front());
    due_.pop_front();
    if (i == finished_.end())
      continue;
    *x.add_finishes() = i->second;
    bytes += i->second.ByteSizeLong();
    keys.push_back(i->first);
  }
  return keys;
}

} // namespace coppice

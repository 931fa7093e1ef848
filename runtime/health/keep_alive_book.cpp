// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/keep_alive_book.hpp"

#include <algorithm>

namespace coppice {

keep_alive_book::keep_alive_book(const health_limits& limits,
                                 const brake_limits& brake, time_point now)
  : limits_(limits),
    clock_(limits, now),
    brake_(brake, limits.limit) {
  // nop
}

// -- modifiers ----------------------------------------------------------------

void keep_alive_book::watch(const worker_key& start, time_point now) {
  forget(start.node);
  fresh_.push_back({start, clock_.at(now), {}, suspicion{limits_.interval()}});
  nodes_.emplace(start.node, std::prev(fresh_.end()));
}

void keep_alive_book::forget(const std::string& node) {
  auto i = nodes_.find(node);
  if (i == nodes_.end())
    return;
  list_of(i->second->at).erase(i->second);
  nodes_.erase(i);
}

bool keep_alive_book::heard(const worker_key& start, time_point now) {
  auto* x = find_start(start);
  if (!x)
    return false;
  auto at = clock_.at(now);
  // What was cut short by a stall of the observer is no sample.
  if (x->heard >= clock_.since())
    x->regularity.heard(at - x->heard);
  auto i = nodes_.find(start.node)->second;
  fresh_.splice(fresh_.end(), list_of(x->at), i);
  x->heard = at;
  x->at = stage::fresh;
  x->cut = false;
  return true;
}

bool keep_alive_book::link_lost(const worker_key& start) {
  auto* x = find_start(start);
  if (x)
    x->cut = true;
  return x != nullptr;
}

std::vector<worker_key> keep_alive_book::tick(time_point now) {
  if (clock_.tick(now))
    count_anew();
  auto at = clock_.at(now);
  move_late(at);
  // What nodes sent while the observer did not run may wait behind this tick.
  if (clock_.is_late())
    return {};
  auto over = [&](const entries& xs, std::chrono::nanoseconds patience) {
    return !xs.empty() && silence_of(xs.front(), at) >= patience;
  };
  auto patience = std::chrono::nanoseconds{limits_.limit};
  patience += brake_.judge(
    {fresh_.size() + late_.size(), late_.size(), over(late_, patience)}, at);
  std::vector<worker_key> result;
  while (over(late_, patience)) {
    result.push_back(late_.front().start);
    move_told(late_, at);
  }
  brake_.declared(result.size(), at);
  // Those whose verdict got lost on its way.
  while (!told_.empty() && told_.front().told + limits_.limit <= at) {
    result.push_back(told_.front().start);
    move_told(told_, at);
  }
  return result;
}

// -- properties ---------------------------------------------------------------

std::optional<keep_alive_book::silence>
keep_alive_book::find(const std::string& node, time_point now) const {
  auto i = nodes_.find(node);
  if (i == nodes_.end())
    return std::nullopt;
  auto& x = *i->second;
  auto length = silence_of(x, clock_.at(now));
  silence result;
  result.length = length;
  result.level = x.regularity.level(length);
  result.suspected = x.at != stage::fresh || x.cut;
  result.cut = x.cut;
  result.held
    = x.at == stage::late && length >= limits_.limit && brake_.engaged();
  return result;
}

std::vector<worker_key> keep_alive_book::suspects() const {
  std::vector<worker_key> result;
  for (auto& x : told_)
    result.push_back(x.start);
  for (auto& x : late_)
    result.push_back(x.start);
  return result;
}

// -- lists --------------------------------------------------------------------

keep_alive_book::entries& keep_alive_book::list_of(stage x) {
  switch (x) {
    case stage::fresh:
      return fresh_;
    case stage::late:
      return late_;
    case stage::told:
      break;
  }
  return told_;
}

keep_alive_book::entry* keep_alive_book::find_start(const worker_key& start) {
  auto i = nodes_.find(start.node);
  return i == nodes_.end() || i->second->start != start ? nullptr : &*i->second;
}

keep_alive_book::awake_time keep_alive_book::silence_of(const entry& x,
                                                        awake_time now) const {
  return std::max(awake_time{0}, now - std::max(x.heard, clock_.since()));
}

void keep_alive_book::count_anew() {
  // All are silent for the same time now, so any order will do.
  for (auto* xs : {&late_, &told_}) {
    for (auto& x : *xs)
      x.at = stage::fresh;
    fresh_.splice(fresh_.begin(), *xs);
  }
  brake_.reset();
}

void keep_alive_book::move_late(awake_time now) {
  while (!fresh_.empty() && silence_of(fresh_.front(), now) >= limits_.late()) {
    fresh_.front().at = stage::late;
    late_.splice(late_.end(), fresh_, fresh_.begin());
  }
}

void keep_alive_book::move_told(entries& from, awake_time now) {
  from.front().at = stage::told;
  from.front().told = now;
  told_.splice(told_.end(), from, from.begin());
}

} // namespace coppice

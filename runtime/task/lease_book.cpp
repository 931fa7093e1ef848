// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/lease_book.hpp"

#include <algorithm>
#include <limits>

namespace coppice {

namespace {

using std::chrono::nanoseconds;

/// No clock of the book runs longer, so that sums do not overflow.
constexpr auto longest = std::chrono::hours{24 * 365 * 50};

constexpr auto never = nanoseconds::max();

nanoseconds bounded(std::chrono::milliseconds x) {
  return std::clamp<std::chrono::milliseconds>(x, std::chrono::milliseconds{0},
                                               longest);
}

bool same_stages(const google::protobuf::RepeatedPtrField<proto::Stage>& xs,
                 const google::protobuf::RepeatedPtrField<proto::Stage>& ys) {
  auto same = [](const proto::Stage& x, const proto::Stage& y) {
    return x.percent() == y.percent() && x.weight() == y.weight()
           && x.name() == y.name() && same_stages(x.stages(), y.stages());
  };
  return std::equal(xs.begin(), xs.end(), ys.begin(), ys.end(), same);
}

/// Returns whether *x* and *y* say the same; their times do not count.
bool same_progress(const proto::Progress& x, const proto::Progress& y) {
  return x.percent() == y.percent() && x.message() == y.message()
         && same_stages(x.stages(), y.stages());
}

} // namespace

lease_book::lease_book(lease_limits limits) : limits_(limits) {
  // nop
}

// -- modifiers ----------------------------------------------------------------

void lease_book::grant(const attempt_key& key, const worker_key& worker,
                       const clocks& limits,
                       std::chrono::milliseconds total_left, time_point now) {
  erase(key);
  auto at = to_book(now);
  auto [node, is_new] = nodes_.try_emplace(worker, node_state{at, {}});
  node->second.attempts.insert(key);
  auto& x = entries_[key];
  x.facts.worker = worker;
  x.facts.limits = limits;
  x.node = node;
  x.granted = at;
  x.changed = at;
  x.total = limits.total.count() > 0 ? at + bounded(total_left) : never;
  x.wake = next_deadline(x).at;
  wakes_.emplace(x.wake, key);
}

void lease_book::adopt(const attempt_key& key, const worker_key& worker,
                       const clocks& limits,
                       std::chrono::milliseconds total_left, time_point now) {
  grant(key, worker, limits, total_left, now);
  entries_.at(key).facts.adopted = true;
}

bool lease_book::erase(const attempt_key& key) {
  auto i = entries_.find(key);
  if (i == entries_.end())
    return false;
  auto& x = i->second;
  wakes_.erase({x.wake, key});
  x.node->second.attempts.erase(key);
  if (x.node->second.attempts.empty())
    nodes_.erase(x.node);
  entries_.erase(i);
  return true;
}

void lease_book::heard(const worker_key& worker, time_point now) {
  // A node that holds nothing has nothing to renew.
  if (auto i = nodes_.find(worker); i != nodes_.end())
    i->second.heard = std::max(i->second.heard, to_book(now));
}

void lease_book::started(const attempt_key& key, int64_t started_ms,
                         time_point now) {
  auto i = entries_.find(key);
  if (i == entries_.end())
    return;
  auto& x = i->second;
  x.facts.started_ms = started_ms;
  if (!std::exchange(x.facts.started, true))
    x.changed = to_book(now);
}

bool lease_book::progress(const attempt_key& key, proto::Progress x,
                          time_point now) {
  auto i = entries_.find(key);
  if (i == entries_.end() || same_progress(i->second.facts.progress, x))
    return false;
  i->second.facts.progress = std::move(x);
  i->second.changed = to_book(now);
  return true;
}

bool lease_book::stopping(const attempt_key& key, proto::Reason reason,
                          time_point now) {
  auto i = entries_.find(key);
  if (i == entries_.end() || i->second.facts.stopping || i->second.facts.ended)
    return false;
  auto& x = i->second;
  x.facts.stopping = reason;
  x.grace = to_book(now) + bounded(limits_.stop_grace);
  // The grace may end before the clock that the wake was set for.
  schedule(key, x);
  return true;
}

void lease_book::end(const attempt_key& key) {
  auto i = entries_.find(key);
  if (i == entries_.end())
    return;
  i->second.facts.ended = true;
  schedule(key, i->second);
}

std::vector<attempt_key> lease_book::node_gone(const worker_key& worker) {
  auto result = held_by(worker);
  for (auto& key : result)
    erase(key);
  return result;
}

std::vector<lease_book::expiry> lease_book::tick(time_point now) {
  now_ = to_book(now);
  ticked_ = std::max(ticked_.value_or(now), now);
  std::vector<expiry> result;
  while (!wakes_.empty() && wakes_.begin()->first <= now_) {
    auto key = wakes_.begin()->second;
    auto& x = entries_.at(key);
    auto next = next_deadline(x);
    if (next.at <= now_)
      result.push_back(expire(key, x, next.reason));
    else
      schedule(key, x); // It was renewed since the wake was set.
  }
  return result;
}

// -- properties ---------------------------------------------------------------

const lease_book::held* lease_book::find(const attempt_key& key) const {
  auto i = entries_.find(key);
  return i == entries_.end() ? nullptr : &i->second.facts;
}

bool lease_book::overdue(const attempt_key& key) const {
  auto i = entries_.find(key);
  if (i == entries_.end())
    return false;
  auto& x = i->second;
  return !x.facts.started && !x.facts.ended
         && x.node->second.heard >= x.granted + bounded(limits_.lease) / 2;
}

std::vector<attempt_key> lease_book::held_by(const worker_key& worker) const {
  auto i = nodes_.find(worker);
  if (i == nodes_.end())
    return {};
  return {i->second.attempts.begin(), i->second.attempts.end()};
}

size_t lease_book::count(const worker_key& worker) const {
  auto i = nodes_.find(worker);
  return i == nodes_.end() ? 0 : i->second.attempts.size();
}

size_t lease_book::size() const {
  return entries_.size();
}

// -- time ---------------------------------------------------------------------

lease_book::book_time lease_book::to_book(time_point now) const {
  if (!ticked_ || now <= *ticked_)
    return now_;
  // Bounded: the rest of a long gap is the observer's own lateness.
  auto passed = std::min<nanoseconds>(now - *ticked_, 2 * limits_.tick);
  return now_ + passed;
}

lease_book::deadline lease_book::next_deadline(const entry& x) const {
  if (x.facts.ended)
    return {never, proto::REASON_UNSPECIFIED};
  if (x.facts.stopping)
    return {x.grace, *x.facts.stopping};
  auto& limits = x.facts.limits;
  auto patience = std::max(bounded(limits_.lease), bounded(limits.no_answer));
  deadline result{std::max(x.node->second.heard, x.granted) + patience,
                  proto::LEASE_EXPIRED};
  if (limits.stall.count() > 0 && x.changed + bounded(limits.stall) < result.at)
    result = {x.changed + bounded(limits.stall), proto::STALLED};
  // Of two that end together, the one that nothing can follow.
  if (x.total <= result.at)
    result = {x.total, proto::TOTAL_TIMEOUT};
  return result;
}

void lease_book::schedule(const attempt_key& key, entry& x) {
  wakes_.erase({x.wake, key});
  x.wake = next_deadline(x).at;
  if (!x.facts.ended)
    wakes_.emplace(x.wake, key);
}

lease_book::expiry lease_book::expire(const attempt_key& key, entry& x,
                                      proto::Reason reason) {
  auto& facts = x.facts;
  facts.ended = facts.stopping || reason == proto::LEASE_EXPIRED;
  if (!facts.ended) {
    facts.stopping = reason;
    x.grace = now_ + bounded(limits_.stop_grace);
  }
  schedule(key, x);
  return {key, facts.worker, reason, facts.ended};
}

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/client_leases.hpp"

#include "runtime/task/lease_rules.hpp"

#include <algorithm>
#include <utility>

namespace coppice {

namespace {

/// For so long a request is known: longer than anybody repeats it.
constexpr auto request_memory = std::chrono::minutes{5};

constexpr size_t max_requests = 1'000;

/// What came too early, or was refused, is soon of no use; there are few.
constexpr size_t max_early = 1'000;

worker_key worker_of(const attempt_key& x) {
  return {to_lease_id(x), 1};
}

bool says_nothing(const proto::Progress& x) {
  return x.percent() == 0 && x.message().empty() && x.stages().empty();
}

} // namespace

client_leases::client_leases(std::chrono::milliseconds lease,
                             std::chrono::milliseconds tick)
  : clock_(lease_limits{lease, tick, lease}) {
  // nop
}

// -- modifiers ----------------------------------------------------------------

bool client_leases::grant(const attempt_key& key, int64_t wall_ms,
                          time_point now) {
  if (refused_.erase(key) > 0)
    return false;
  auto& x = held_[key];
  if (x.end)
    return false;
  x.started_ms = wall_ms;
  if (auto early = early_stops_.extract(key); !early.empty())
    x.stop = early.mapped();
  clock_.grant(key, worker_of(key), clocks{}, {}, now);
  return true;
}

void client_leases::give_back(const attempt_key& key,
                              proto::FinishCommand::Item end) {
  if (refused_.erase(key) > 0)
    return;
  held_.try_emplace(key);
  finish(key, std::move(end));
}

void client_leases::heard(const attempt_key& key, time_point now) {
  clock_.heard(worker_of(key), now);
}

void client_leases::progress(const attempt_key& key, proto::Progress x,
                             int64_t wall_ms) {
  auto i = held_.find(key);
  if (i == held_.end() || says_nothing(x))
    return;
  auto& last = i->second.progress;
  // When it changed is for this clock to say.
  x.set_changed_ms(last.changed_ms());
  if (x.SerializeAsString() == last.SerializeAsString())
    return;
  x.set_changed_ms(wall_ms);
  last = std::move(x);
}

void client_leases::stop(const attempt_key& key, proto::Reason why) {
  auto i = held_.find(key);
  if (i == held_.end()) {
    if (early_stops_.size() >= max_early)
      early_stops_.clear();
    early_stops_[key] = why;
  } else if (!i->second.stop || why == proto::CANCEL_REQUESTED) {
    i->second.stop = why;
  }
}

void client_leases::finish(const attempt_key& key,
                           proto::FinishCommand::Item end) {
  auto i = held_.find(key);
  if (i == held_.end() || i->second.end)
    return;
  clock_.erase(key);
  if (i->second.progress.changed_ms() != 0)
    *end.mutable_progress() = i->second.progress;
  end.set_started_ms(i->second.started_ms);
  end.set_resumed_bytes(i->second.resumed_bytes);
  i->second.end = std::move(end);
}

void client_leases::erase(const attempt_key& key) {
  clock_.erase(key);
  held_.erase(key);
}

void client_leases::refuse(const attempt_key& key) {
  if (held_.count(key) > 0)
    return erase(key);
  if (refused_.size() >= max_early)
    refused_.clear();
  refused_.insert(key);
}

std::vector<attempt_key> client_leases::expired(time_point now) {
  forget_requests(now);
  std::vector<attempt_key> result;
  for (auto& x : clock_.tick(now))
    result.push_back(x.key);
  return result;
}

void client_leases::remember(const std::string& request,
                             std::vector<attempt_key> keys, time_point now) {
  if (request.empty())
    return;
  auto [i, is_new]
    = requests_.insert_or_assign(request, answered{std::move(keys), now});
  if (is_new)
    request_order_.push_back(request);
  forget_requests(now);
}

void client_leases::forget_requests(time_point now) {
  while (!request_order_.empty()) {
    auto i = requests_.find(request_order_.front());
    auto is_old = now - i->second.at > request_memory
                  && std::none_of(i->second.keys.begin(), i->second.keys.end(),
                                  [&](auto& key) { return is_live(key); });
    if (!is_old && requests_.size() <= max_requests)
      return;
    requests_.erase(i);
    request_order_.pop_front();
  }
}

// -- properties ---------------------------------------------------------------

const client_leases::held* client_leases::find(const attempt_key& key) const {
  auto i = held_.find(key);
  return i == held_.end() ? nullptr : &i->second;
}

client_leases::held* client_leases::find(const attempt_key& key) {
  auto i = held_.find(key);
  return i == held_.end() ? nullptr : &i->second;
}

bool client_leases::is_live(const attempt_key& key) const {
  auto* x = find(key);
  return x && !x->end;
}

std::optional<std::vector<attempt_key>>
client_leases::recall(const std::string& request) const {
  auto i = requests_.find(request);
  if (request.empty() || i == requests_.end())
    return std::nullopt;
  std::vector<attempt_key> result;
  for (auto& key : i->second.keys)
    if (is_live(key))
      result.push_back(key);
  return result;
}

} // namespace coppice

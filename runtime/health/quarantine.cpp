// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/quarantine.hpp"

#include "runtime/duration.hpp"

#include <algorithm>

namespace coppice {

quarantine::quarantine(quarantine_limits limits) : limits_(limits) {
  // nop
}

// -- modifiers ----------------------------------------------------------------

bool quarantine::failed(const failure& x, size_t workers, time_point now) {
  if (limits_.failures == 0)
    return false;
  auto i = records_.find(x.node);
  auto is_trial = i != records_.end() && i->second.trial == x.task;
  if (is_trial)
    i->second.trial.reset();
  if (x.ran_for > limits_.fast)
    return false;
  if (is_trial) {
    i->second.evidence.back().why = x.why;
    close(i->second, std::min(2 * i->second.backoff, limits_.backoff_max), now);
    return false;
  }
  if (!add_evidence(x))
    return false;
  auto& bad = records_.at(x.node);
  if (bad.backoff.count() > 0 || bad.evidence.size() < limits_.failures
      || !may_close(workers))
    return false;
  ++quarantined_;
  close(bad, limits_.backoff_min, now);
  return true;
}

bool quarantine::succeeded(const std::string& node) {
  return release(node);
}

void quarantine::ended(const std::string& node, const task_id& task) {
  auto i = records_.find(node);
  if (i != records_.end() && i->second.trial == task)
    i->second.trial.reset();
}

void quarantine::begin_trial(const std::string& node, const task_id& task) {
  if (auto i = records_.find(node); i != records_.end())
    i->second.trial = task;
}

bool quarantine::release(const std::string& node) {
  auto i = records_.find(node);
  if (i == records_.end())
    return false;
  for (auto& x : i->second.evidence)
    tasks_.erase(x.task);
  auto was_closed = i->second.backoff.count() > 0;
  quarantined_ -= was_closed ? 1 : 0;
  records_.erase(i);
  return was_closed;
}

// -- properties ---------------------------------------------------------------

quarantine::standing quarantine::judge(const std::string& node,
                                       time_point now) const {
  auto i = records_.find(node);
  if (i == records_.end() || i->second.backoff.count() == 0)
    return standing::open;
  if (i->second.trial)
    return standing::on_trial;
  return now < i->second.until ? standing::closed : standing::trial_due;
}

std::optional<quarantine::time_point>
quarantine::until(const std::string& node) const {
  auto i = records_.find(node);
  if (i == records_.end() || i->second.backoff.count() == 0 || i->second.trial)
    return std::nullopt;
  return i->second.until;
}

std::vector<std::string> quarantine::explain(const std::string& node,
                                             time_point now) const {
  auto i = records_.find(node);
  if (i == records_.end())
    return {};
  auto& x = i->second;
  auto facts = std::to_string(x.evidence.size())
               + " different tasks failed on it within "
               + format_duration(limits_.fast)
               + " of their start, one after the other, with no success "
                 "between; the last one: "
               + x.evidence.back().why + ".";
  if (x.backoff.count() == 0) {
    if (x.evidence.size() < limits_.failures)
      return {};
    return {facts, "It is not quarantined, for too many other workers are: the "
                   "tasks may be at fault."};
  }
  std::string next = "It gets one attempt as a trial.";
  if (x.trial)
    next = "It is on trial with task " + to_string(*x.trial) + ".";
  else if (now < x.until)
    next = "It gets one attempt as a trial in "
           + format_duration(
             std::chrono::ceil<std::chrono::milliseconds>(x.until - now))
           + ".";
  return {node + " is quarantined: " + facts, next,
          "A success or \"coppice release " + node + "\" releases it."};
}

// -- evidence -----------------------------------------------------------------

bool quarantine::add_evidence(const failure& x) {
  if (auto other = tasks_.find(x.task); other != tasks_.end()) {
    // On two nodes it is the task; twice on one is no more than once.
    if (auto blamed = other->second; blamed != x.node)
      drop_evidence(blamed, x.task);
    return false;
  }
  auto& evidence = records_[x.node].evidence;
  if (evidence.size() >= limits_.failures) {
    tasks_.erase(evidence.front().task);
    evidence.erase(evidence.begin());
  }
  evidence.push_back(x);
  tasks_.emplace(x.task, x.node);
  return true;
}

void quarantine::drop_evidence(const std::string& node, const task_id& task) {
  auto& x = records_.at(node);
  // A trial that failed is evidence enough.
  if (x.backoff > limits_.backoff_min)
    return;
  tasks_.erase(task);
  std::erase_if(x.evidence, [&](auto& y) { return y.task == task; });
  if (x.backoff.count() > 0 || x.evidence.empty())
    release(node);
}

void quarantine::close(record& x, std::chrono::milliseconds backoff,
                       time_point now) {
  x.backoff = backoff;
  x.until = now + backoff;
}

bool quarantine::may_close(size_t workers) const {
  auto most = std::max<size_t>(1, workers * limits_.share_percent / 100);
  return quarantined_ < most && quarantined_ + 1 < workers;
}

} // namespace coppice

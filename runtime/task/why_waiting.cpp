// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/dispatcher.hpp"

#include <algorithm>
#include <string>

namespace coppice {

namespace {

std::string workers_text(size_t n, const char* adjective) {
  return std::to_string(n) + " " + adjective
         + (n == 1 ? " worker" : " workers");
}

/// Returns what to say about rules that no profile in *labels* meets together.
std::string
failing_rule(const std::vector<label_rule>& rules,
             const std::vector<const std::vector<std::string>*>& labels) {
  std::string all;
  for (auto& rule : rules) {
    auto met = [&](auto* xs) { return labels_match({&rule, 1}, *xs); };
    if (std::none_of(labels.begin(), labels.end(), met))
      return to_string(rule);
    all += (all.empty() ? "" : ", ") + to_string(rule);
  }
  return all;
}

} // namespace

std::string to_string(const why_waiting& x) {
  auto kind = "the kind '" + x.kind + "'";
  switch (x.why) {
    case why_waiting::cause::unknown_class:
      return "it was not looked at yet";
    case why_waiting::cause::no_worker:
      return "no connected worker takes tasks";
    case why_waiting::cause::no_such_kind:
      return x.workers == 1
               ? "the only connected worker does not run " + kind
               : "none of the " + workers_text(x.workers, "connected")
                   + " runs " + kind;
    case why_waiting::cause::no_such_labels:
      return "no connected worker that runs " + kind
             + " has the labels it asks for: " + x.rule;
    case why_waiting::cause::too_heavy:
      return "it takes " + std::to_string(x.weight)
             + " slots, and no connected worker that could run it has more "
               "than "
             + std::to_string(x.most_slots);
    case why_waiting::cause::not_together:
      return "it takes " + std::to_string(x.weight)
             + " slots, and no worker that can run it has so many free at "
               "once; they are saved for tasks like it, one worker at a time";
    case why_waiting::cause::all_busy:
      return x.matching_workers == 1
               ? "the only worker that can run it is busy"
               : "all " + workers_text(x.matching_workers, "matching")
                   + " are busy";
    case why_waiting::cause::free_slots:
      return workers_text(x.matching_workers, "matching") + " with "
             + std::to_string(x.free_slots)
             + (x.free_slots == 1 ? " free slot" : " free slots")
             + ": it starts as soon as those before it have";
  }
  return "unknown";
}

why_waiting dispatcher::explain(uint32_t task_class) const {
  why_waiting result;
  auto i = classes_.find(task_class);
  if (i == classes_.end())
    return result;
  auto& x = i->second;
  result.kind = x.kind;
  result.weight = x.weight;
  auto fits = false;
  std::vector<const std::vector<std::string>*> labels;
  for (auto& [key, what] : profiles_) {
    result.workers += what.workers;
    if (std::binary_search(what.kinds.begin(), what.kinds.end(), x.kind))
      labels.push_back(&what.labels);
  }
  for (auto* what : x.matching) {
    result.matching_workers += what->workers;
    for (auto* worker : what->free) {
      result.free_slots += worker->left().free;
      fits |= worker->left().fits(x.weight);
    }
  }
  for (auto& [key, worker] : workers_)
    if (worker.what && x.matching.count(worker.what) > 0)
      result.most_slots = std::max(result.most_slots, worker.offered.total);
  using cause = why_waiting::cause;
  if (result.workers == 0) {
    result.why = cause::no_worker;
  } else if (labels.empty()) {
    result.why = cause::no_such_kind;
  } else if (result.matching_workers == 0) {
    result.why = cause::no_such_labels;
    result.rule
      = x.bad_rule.empty() ? failing_rule(x.rules, labels) : x.bad_rule;
  } else if (x.weight > std::max(result.most_slots, 1u)) {
    result.why = cause::too_heavy;
  } else if (result.free_slots == 0) {
    result.why = cause::all_busy;
  } else {
    result.why = fits ? cause::free_slots : cause::not_together;
  }
  return result;
}

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/supervise/restart_policy.hpp"

#include <algorithm>
#include <utility>

namespace coppice {

bool restart_policy::add(child_spec x) {
  if (find(x.name) != children_.end())
    return false;
  children_.push_back(std::move(x));
  return true;
}

void restart_policy::remove(const std::string& name) {
  if (auto i = find(name); i != children_.end())
    children_.erase(i);
}

supervision_decision restart_policy::ended(const std::string& name,
                                           child_end how, time_point now) {
  auto i = find(name);
  if (i == children_.end())
    return {};
  if (i->restart == restart_kind::temporary) {
    children_.erase(i);
    return {};
  }
  if (i->restart == restart_kind::transient && how == child_end::normal)
    return {};
  supervision_decision result;
  if (!bear(now)) {
    result.give_up = true;
    result.stop = stop_order();
    std::erase(result.stop, name);
    return result;
  }
  auto first = i;
  auto last = i + 1;
  if (limits_.strategy != restart_strategy::one_for_one)
    last = children_.end();
  if (limits_.strategy == restart_strategy::one_for_all)
    first = children_.begin();
  for (auto x = last; x != first; --x)
    if ((x - 1)->name != name)
      result.stop.push_back((x - 1)->name);
  auto temporary
    = [](const child_spec& x) { return x.restart == restart_kind::temporary; };
  last = children_.erase(std::remove_if(first, last, temporary), last);
  // The erased ones were behind *first*, which is still what it was.
  for (auto x = first; x != last; ++x)
    result.start.push_back(x->name);
  return result;
}

std::vector<std::string> restart_policy::stop_order() const {
  std::vector<std::string> result;
  for (auto i = children_.rbegin(); i != children_.rend(); ++i)
    result.push_back(i->name);
  return result;
}

restart_policy::iterator restart_policy::find(const std::string& name) {
  return std::find_if(children_.begin(), children_.end(),
                      [&](auto& x) { return x.name == name; });
}

bool restart_policy::bear(time_point now) {
  while (!restarts_.empty() && now - restarts_.front() > limits_.period)
    restarts_.pop_front();
  restarts_.push_back(now);
  return restarts_.size() <= limits_.intensity;
}

} // namespace coppice

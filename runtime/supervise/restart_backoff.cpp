// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/supervise/restart_backoff.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace coppice {

namespace {

using action = restart_decision::action_type;

restart_decision stop(int exit_code, std::string reason) {
  return {action::stop, {}, exit_code, std::move(reason)};
}

restart_decision start(restart_limits::duration delay, std::string reason) {
  return {action::start, delay, 0, std::move(reason)};
}

} // namespace

std::string to_string(const process_exit& x) {
  auto number = std::to_string(x.status);
  if (!x.by_signal)
    return "exit code " + number;
  return "signal " + number + " (" + strsignal(x.status) + ")";
}

restart_decision restart_backoff::decide(process_exit x,
                                         restart_limits::duration uptime,
                                         clock::time_point now) {
  if (x.by_signal)
    return crash(to_string(x), uptime, now);
  switch (x.status) {
    case node_exit::stop:
      return stop(0, "stopped");
    case node_exit::usage:
      return stop(node_exit::usage, "cannot run as it is configured");
    case node_exit::regenerate: {
      auto before = std::exchange(last_regeneration_, now);
      if (before && now - *before < limits_.min_uptime)
        return crash("a second regeneration too soon", uptime, now);
      return start({}, "planned regeneration");
    }
    default:
      return crash(to_string(x), uptime, now);
  }
}

restart_decision restart_backoff::crash(const std::string& what,
                                        restart_limits::duration uptime,
                                        clock::time_point now) {
  while (!crashes_.empty() && now - crashes_.front() >= limits_.period)
    crashes_.pop_front();
  crashes_.push_back(now);
  auto n = crashes_.size();
  if (n > limits_.max_restarts)
    return stop(1, what + "; crash " + std::to_string(n) + " within "
                     + std::to_string(limits_.period.count() / 1000)
                     + " s is one too many");
  return start(next_delay(uptime), what + "; crash " + std::to_string(n));
}

restart_limits::duration
restart_backoff::next_delay(restart_limits::duration uptime) {
  auto is_first = last_delay_.count() == 0 || uptime >= limits_.min_uptime;
  last_delay_ = is_first ? limits_.backoff_min
                         : std::min(last_delay_ * 2, limits_.backoff_max);
  return last_delay_;
}

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace coppice {

/// The exit codes by which a node tells its keeper what to do.
namespace node_exit {

/// The node was told to stop.
inline constexpr int stop = 0;
/// It can never run like this, e.g. the port is in use: starting it again is
/// of no use.
inline constexpr int usage = 2;
/// The root supervisor gave up. To the keeper a crash like any other.
inline constexpr int gave_up = 70;
/// The node is cut back and shall grow again at once.
inline constexpr int regenerate = 75;

} // namespace node_exit

/// How a process ended.
struct process_exit {
  /// The exit code, or the signal's number if *by_signal*.
  int status = 0;
  bool by_signal = false;

  friend bool operator==(const process_exit&, const process_exit&) = default;
};

/// Renders *x* for people: "exit code 70", "signal 9 (Killed)".
/// @relates process_exit
std::string to_string(const process_exit& x);

/// How often and how fast a process may be started again.
struct restart_limits {
  using duration = std::chrono::milliseconds;

  /// A process that ran this long has started well.
  duration min_uptime;
  /// The pause after the first crash; each further one doubles it.
  duration backoff_min;
  duration backoff_max;
  /// More crashes than this within *period*, and it is not started again.
  uint32_t max_restarts;
  duration period;
};

/// What to do about a process that has ended.
struct restart_decision {
  enum class action_type : uint8_t { start, stop };

  action_type action;
  /// With `start`: how long to wait before it.
  std::chrono::milliseconds delay{0};
  /// With `stop`: the keeper's own exit code.
  int exit_code = 0;
  /// Why, as a clause for people.
  std::string reason;
};

/// Decides whether and when a keeper starts its node again.
///
/// Pure: the caller passes the time in, never backwards.
class restart_backoff {
public:
  // -- member types -----------------------------------------------------------

  using clock = std::chrono::steady_clock;

  // -- constructors, destructors, and assignment operators --------------------

  /// @pre `0 < xs.backoff_min <= xs.backoff_max`
  explicit restart_backoff(restart_limits xs) : limits_(xs) {}

  // -- modifiers --------------------------------------------------------------

  /// Takes note of the end of a process and says what follows.
  ///
  /// A planned regeneration (75) starts at once; a second one within
  /// `min_uptime` of the first counts as a crash, so that a node that is born
  /// worn out does not loop.
  /// @param x How it ended.
  /// @param uptime How long it ran.
  /// @param now When it ended.
  restart_decision decide(process_exit x, restart_limits::duration uptime,
                          clock::time_point now);

private:
  // -- member functions -------------------------------------------------------

  restart_decision crash(const std::string& what,
                         restart_limits::duration uptime,
                         clock::time_point now);

  restart_limits::duration next_delay(restart_limits::duration uptime);

  // -- member variables -------------------------------------------------------

  restart_limits limits_;

  /// The crashes within the last period, oldest first.
  std::deque<clock::time_point> crashes_;

  /// The pause after the last crash; 0 after a start that went well.
  restart_limits::duration last_delay_{0};

  std::optional<clock::time_point> last_regeneration_;
};

} // namespace coppice

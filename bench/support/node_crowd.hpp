// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/local_messages.hpp"
#include "actors/messages.hpp"
#include "runtime/health/list_version.hpp"
#include "runtime/health/node_entry.hpp"
#include "runtime/launch/unique_fd.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace coppice::bench {

/// Accepts connections for all nodes of a crowd, and hangs up.
class doorman {
public:
  doorman();

  ~doorman();

  doorman(const doorman&) = delete;

  doorman& operator=(const doorman&) = delete;

  std::string address() const;

private:
  unique_fd socket_;
  uint16_t port_ = 0;
  std::thread thread_;
};

/// What a node of a crowd is to do.
enum class order : uint8_t { enter, leave, die, ask_for_all };

using member_actor
  = state_monitor_actor::extend<caf::reacts_to<order>,
                                caf::reacts_to<atom::tick, uint64_t>>;

/// Many nodes that are nothing but their side of the INFORMATION_CENTRE's
/// protocol: each is an actor that registers, gives signs of life, asks for
/// changes every 10 s and is told them, as a STATE_MONITOR does. They share one
/// connection to the manager, and all know the version that one of them was
/// told, instead of a copy of the list each.
class crowd {
public:
  // -- member types -----------------------------------------------------------

  using clock_type = std::chrono::steady_clock;

  /// What has happened so far.
  struct counters {
    /// Since `connect`.
    std::atomic<size_t> registered = 0;
    /// Answered signs of life.
    std::atomic<uint64_t> alive = 0;
    /// Times that somebody had to register again.
    std::atomic<uint64_t> again = 0;
    /// Requests without an answer, or with an error.
    std::atomic<uint64_t> failed = 0;
    /// Messages with changes, and their size without what CAF adds.
    std::atomic<uint64_t> parts = 0;
    std::atomic<uint64_t> part_bytes = 0;
    /// Whole lists that were asked for and came.
    std::atomic<size_t> lists = 0;
  };

  // -- constructors, destructors, and assignment operators --------------------

  crowd();

  ~crowd();

  crowd(const crowd&) = delete;

  crowd& operator=(const crowd&) = delete;

  // -- modifiers --------------------------------------------------------------

  /// Connects to a manager; nobody has registered with it.
  /// @throws std::runtime_error if that fails.
  void connect(const std::string& host, uint16_t port);

  /// Has all register, so many at the same time.
  /// @throws std::runtime_error if they do not get on.
  void enter(size_t window);

  /// Adds a node, which does nothing yet.
  /// @param address Where it says that it listens; empty: at the doorman.
  /// @returns Its number.
  size_t add(const std::string& address = {});

  void tell(size_t number, order what);

  /// Counts anew who is told that a node is in that state.
  void await(size_t number, node_state state);

  /// Waits until *n* have been told what is awaited.
  /// @returns Milliseconds since `await` for each of them, in order.
  std::vector<double> wait_told(size_t n);

  // -- properties -------------------------------------------------------------

  size_t size() const {
    return members_.size();
  }

  const counters& done() const {
    return done_;
  }

  // -- for its members --------------------------------------------------------

  void on_part(const proto::NodeChangesPart& x);

  list_version version();

  directory_actor manager;

  doorman door;

  counters done_;

private:
  void await_registered(size_t n) const;

  static std::string name_of(size_t number);

  caf::actor_system_config config_;
  caf::actor_system sys_;
  std::vector<member_actor> members_;

  std::mutex mutex_;
  list_version version_;
  std::string awaited_;
  node_state awaited_state_ = node_state::healthy;
  clock_type::time_point awaited_since_;
  std::vector<double> told_ms_;
};

} // namespace coppice::bench

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::bench::order)

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/local_messages.hpp"
#include "actors/worker_link.hpp"
#include "runtime/health/changes_parts.hpp"
#include "runtime/health/health_limits.hpp"
#include "runtime/health/node_cache.hpp"
#include "runtime/task/search_pauses.hpp"
#include "storage/cluster_view.hpp"

#include <caf/actor_clock.hpp>
#include <caf/response_promise.hpp>
#include <caf/result.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace coppice {

/// To STATE_MONITOR, once the node serves: what it says of itself, and where it
/// finds managers.
struct node_place {
  proto::NodeCard card;
  manager_contacts managers;
};

/// The STATE_MONITOR with its messages to itself.
using state_monitor_impl = local_state_monitor_actor::extend<
  caf::reacts_to<node_place>, caf::reacts_to<caf::connect_atom, uint64_t>,
  caf::reacts_to<atom::tick, uint64_t>>;

/// STATE_MONITOR as who starts the node sees it.
using node_monitor_actor
  = local_state_monitor_actor::extend<caf::reacts_to<node_place>>;

/// Writes a view where it outlives the node; from a thread of its own.
using view_saver = caf::typed_actor<caf::reacts_to<saved_view>>;

/// What STATE_MONITOR is told when it starts.
struct state_monitor_options {
  std::string cluster = "coppice";
  worker_key start;
  cache_limits cache;
  /// Until an INFORMATION_CENTRE names others.
  health_limits limits;
  /// What an earlier start of this node has saved.
  saved_view saved;
  /// May be invalid.
  view_saver saver;
  /// How often it is saved that nothing has changed.
  std::chrono::milliseconds save_interval{10'000};
  /// Pauses between vain tries to register; they double.
  std::chrono::milliseconds backoff_min{20};
  std::chrono::milliseconds backoff_max{1'000};
  /// Pause after a refusal.
  std::chrono::milliseconds refused_pause{2'000};
  /// How long a manager may take to register this node, but no longer than half
  /// the limit: one that stands still must not cost the time in which its
  /// successor expects a sign of life.
  std::chrono::milliseconds answer_timeout{5'000};
  /// How long it may take to note that the node leaves.
  std::chrono::milliseconds leave_timeout{1'000};
  /// Called when this start of the node is over: a later one has registered.
  std::function<void()> over = [] {};
  /// Who supervises the parts of this node; invalid in tests.
  api_actor parts{};
  /// Of the jitter; 0: any.
  uint32_t seed = 0;
};

/// The state of STATE_MONITOR: this node's part in the protocol of the
/// INFORMATION_CENTRE, and what it knows of the other nodes.
struct state_monitor_state {
  // -- member types -----------------------------------------------------------

  using time_point = node_cache::time_point;

  enum class phase { idle, searching, registering, registered };

  // -- constructors, destructors, and assignment operators --------------------

  explicit state_monitor_state(state_monitor_impl::pointer selfptr)
    : self(selfptr) {}

  // -- initialization ---------------------------------------------------------

  void init(state_monitor_options xs);

  // -- handlers ---------------------------------------------------------------

  void on_place(node_place& x);

  void on_connect(uint64_t number);

  void on_part(const proto::NodeChangesPart& x);

  void on_listener(const node_listener& x);

  caf::result<proto::Reply> on_request(const proto::Request& x);

  void on_tick(uint64_t which);

  void on_down(const caf::down_msg& x);

  void on_exit(caf::exit_msg& x);

  // -- parts of the handlers --------------------------------------------------

  void register_with(const directory_actor& x);

  void on_registered(const proto::RegistrationReply& x,
                     const information_centre_actor& found);

  /// Looks for another INFORMATION_CENTRE after a pause.
  void lose(const std::string& why);

  /// Takes note that it was refused, for a reason that may pass.
  void refused(const std::string& why);

  void look_further(const std::string& why);

  void forget_centre();

  /// Has the next sign of life follow after the interval, and no other one.
  void schedule_tick();

  void keep_alive();

  void on_alive(const proto::KeepAliveAck& x, time_point asked);

  void query();

  void save(std::vector<node_entry> rows);

  void tell(const std::vector<node_entry>& rows);

  /// How old the view is, for people.
  std::string describe_age() const;

  time_point now() const {
    return self->clock().now();
  }

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "state_monitor";

  state_monitor_impl::pointer self;

  state_monitor_options options;

  node_place place;

  phase at = phase::idle;

  /// Counts the tries to find an INFORMATION_CENTRE; answers to earlier ones
  /// are ignored.
  uint64_t number = 0;

  directory_actor directory;

  information_centre_actor centre;

  health_limits limits;

  /// Counts the ticks that were scheduled; only the last one counts.
  uint64_t scheduled = 0;

  std::optional<node_cache> cache;

  changes_collector parts;

  std::vector<node_listener> listeners;

  std::optional<search_pauses> pauses;

  /// Why it was refused last: it asks again and again.
  std::string last_refusal;

  std::minstd_rand rng;

  time_point saved_at;

  bool stopping = false;
};

/// Registers this node, keeps it alive, and knows the others. Remains until it
/// is told to exit; then it leaves the cluster in good order.
/// @param self The actor itself.
/// @param options Facts about this node.
state_monitor_impl::behavior_type
state_monitor(state_monitor_impl::stateful_pointer<state_monitor_state> self,
              state_monitor_options options);

/// Saves what STATE_MONITOR knows.
view_saver::behavior_type
cluster_view_saver(view_saver::pointer self,
                   std::shared_ptr<cluster_view> store);

} // namespace coppice

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::node_place)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::saved_view)

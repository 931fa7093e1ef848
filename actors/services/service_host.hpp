// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/launcher_link.hpp"
#include "actors/services/instance.hpp"
#include "actors/services/state_keeper.hpp"
#include "config/node_config.hpp"
#include "runtime/service/host_plan.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/atom.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace coppice {

/// To SERVICE_HOST: where this node takes requests for services.
struct listener_address {
  host_port address;
};

/// To SERVICE_HOST, from itself: an instance had long enough to leave.
struct leave_over {
  service_instance who;
  uint64_t epoch = 0;
};

/// SERVICE_HOST: runs what the cluster places on this node.
using service_host_actor = caf::typed_actor<caf::reacts_to<listener_address>>;

/// SERVICE_HOST with its messages to itself.
using service_host_impl
  = service_host_actor::extend<caf::reacts_to<instance_news>,
                               caf::reacts_to<leave_over>,
                               // Asks what there is, if nothing was asked since
                               // the question with this number.
                               caf::reacts_to<caf::get_atom, uint64_t>,
                               // Looks whether leases are over.
                               caf::reacts_to<caf::tick_atom>,
                               // The time to leave is over.
                               caf::reacts_to<caf::put_atom>>;

/// What SERVICE_HOST is told when it starts.
struct service_host_options {
  std::string node;
  uint64_t incarnation = 0;
  cluster_link_actor cluster;
  std::shared_ptr<local_services> services;
  /// Native classes of this program.
  service_classes classes;
  /// Starts commands; invalid: there are no process services here.
  launcher_actor launcher;
  /// Where processes write what they say.
  std::filesystem::path folder;
  std::chrono::milliseconds term_grace{10'000};
  /// How long the cluster waits with an answer if nothing changes: also how
  /// often it hears of this node.
  std::chrono::milliseconds wait{2'000};
  /// Pause after an answer that came at once and said nothing new.
  std::chrono::milliseconds pause{200};
  std::chrono::milliseconds tick{100};
  /// How long an instance has to leave, beside what its requests and its state
  /// may take.
  std::chrono::milliseconds leave_grace{30'000};
  /// A process that leaves is given so long to have its state saved.
  std::chrono::milliseconds save_patience{600'000};
  /// How long instances have to leave when the node stops.
  std::chrono::milliseconds stop_grace{8'000};
  /// Measures leases. Default: the clock of the actor, which stands still while
  /// the machine is suspended.
  std::function<std::chrono::nanoseconds()> boot_time{};
  /// Whether native services have threads of their own. Not in tests.
  bool threads = true;
};

/// The state of SERVICE_HOST. Starts and stops instances as the cluster says;
/// while nobody says anything it goes on with what it has, but for exclusive
/// ones, whose lease ends.
struct service_host_state {
  // -- member types -----------------------------------------------------------

  /// Of a question to the cluster.
  struct question_mark {
    uint64_t number = 0;
    /// When it was asked: since the machine was started, and of the clock that
    /// instances go by.
    std::chrono::nanoseconds asked{0};
    std::chrono::steady_clock::time_point at{};
  };

  struct hosted {
    hosted_instance state;
    /// Nothing else may have its place while something of it runs.
    bool is_sole = false;
    /// Set if it is exclusive.
    std::shared_ptr<lease_end> lease;
    /// How long it may take to end its requests and save its state.
    std::chrono::milliseconds work{0};
    instance_actor run;
    proto::ServiceReport report;
  };

  // -- constructors, destructors, and assignment operators --------------------

  explicit service_host_state(service_host_impl::pointer selfptr)
    : self(selfptr) {}

  // -- handlers ---------------------------------------------------------------

  void on_listener(const listener_address& x);

  void on_news(const instance_news& x);

  void on_leave_over(const leave_over& x);

  void poll();

  void on_tick();

  void on_down(const caf::down_msg& x);

  void on_exit(const caf::exit_msg& x);

  // -- parts of the handlers --------------------------------------------------

  std::chrono::nanoseconds now() const;

  void on_rows(const question_mark& question, const proto::Reply& x);

  /// Takes note that the cluster has answered.
  void renew(const question_mark& question, int64_t lease_ms);

  /// Ends exclusive instances whose lease is over.
  void end_unrenewed();

  /// Returns when leases end, as far as is known.
  std::chrono::nanoseconds lease_ends() const;

  void carry_out();

  void start(const proto::ServiceRow& row, const proto::ServicePlace& place);

  /// Ends an instance at once. It is said to have stopped when nothing of it
  /// runs any more; of a native one that is not exclusive at once, for its code
  /// may block, and its journal has another owner then.
  void end(const service_instance& who, const std::string& why);

  instance_actor spawn(instance_start x);

  /// Starts what saves the state of a process.
  state_keeper_actor spawn_keeper(const instance_start& x);

  /// Says why an instance cannot be started on this node.
  std::string impossible(const proto::ServiceSpec& x) const;

  void look_whether_stopped();

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "service_host";

  service_host_impl::pointer self;

  service_host_options options;

  std::string address;

  std::map<service_instance, hosted> all;

  /// As the cluster said last.
  proto::ServicesReply rows;

  /// When the last answered question was asked.
  std::chrono::nanoseconds confirmed{0};

  /// How long one may go on with exclusive instances; 0: nobody has said.
  std::chrono::milliseconds lease{0};

  /// Answers to former questions do not count.
  uint64_t last_question = 0;

  bool stopping = false;

  caf::error stop_reason;
};

/// Runs the services of a node. Told to exit, it has all of them leave first.
/// @param self The actor itself.
service_host_impl::behavior_type
service_host(service_host_impl::stateful_pointer<service_host_state> self,
             service_host_options options);

} // namespace coppice

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::leave_over)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::listener_address)

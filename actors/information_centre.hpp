// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/local_messages.hpp"
#include "actors/net/node_prober.hpp"
#include "runtime/health/node_list.hpp"
#include "storage/tables.hpp"

#include <caf/actor_clock.hpp>
#include <caf/response_promise.hpp>
#include <caf/result.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace coppice {

/// Somebody tried to connect to a node.
struct node_probe {
  worker_key start;
  /// See `information_centre_state::dialling`; 0: it is only to be found out
  /// whether the node can be reached.
  uint64_t number;
  net::probe_result result;
};

/// The INFORMATION_CENTRE with its messages to itself.
using information_centre_impl = local_information_centre_actor::extend<
  caf::reacts_to<node_probe>, caf::reacts_to<atom::dial, worker_key, uint64_t>,
  caf::reacts_to<atom::dispatch>, caf::reacts_to<atom::flush>,
  caf::reacts_to<atom::tick>>;

/// What the INFORMATION_CENTRE is told when it starts.
struct information_centre_options {
  std::string cluster = "coppice";
  health_limits limits;
  brake_limits brake;
  /// None: nobody is ever proven to be gone.
  net::node_prober probe;
  /// Pauses between tries to connect to a node whose connection was lost; they
  /// double.
  std::chrono::milliseconds probe_min{5};
  std::chrono::milliseconds probe_max{500};
  /// The same until a node was reached for the first time.
  std::chrono::milliseconds verify_min{1'000};
  std::chrono::milliseconds verify_max{60'000};
  /// The STATE_REPLICATOR may take so long for an answer; then it waits for its
  /// disk, and where there are other managers this one may have been deposed
  /// without knowing it.
  std::chrono::milliseconds deposed_after{2'000};
  /// How many tries may be under way.
  size_t max_probes = 32;
  /// How long the next event waits after one, for each node that was told: what
  /// changes meanwhile is one event.
  std::chrono::microseconds event_pause{20};
  /// About the size of a message with changes of the list.
  size_t max_part_bytes = size_t{200} << 10;
};

/// The state of the INFORMATION_CENTRE: who is healthy by what is durable and
/// by who is silent, see `node_list`; and who is told.
struct information_centre_state {
  // -- member types -----------------------------------------------------------

  using time_point = node_list::time_point;

  /// A node that registered with this INFORMATION_CENTRE.
  struct subscriber {
    uint64_t incarnation = 0;
    state_monitor_actor handle;
  };

  /// A node that is connected to until it is heard of or refuses.
  struct dialling {
    /// Tries with another number belong to an earlier suspicion.
    uint64_t number = 0;
    /// Before the next try.
    std::chrono::milliseconds pause{0};
  };

  /// A try to connect that waits for its turn.
  struct waiting_probe {
    worker_key start;
    uint64_t number = 0;
  };

  // -- constructors, destructors, and assignment operators --------------------

  explicit information_centre_state(information_centre_impl::pointer selfptr)
    : self(selfptr) {}

  // -- initialization ---------------------------------------------------------

  result<> init(information_centre_options xs, std::shared_ptr<const tables> db,
                state_replicator_actor log);

  // -- handlers ---------------------------------------------------------------

  caf::result<proto::RegistrationReply>
  on_register(const proto::Registration& x, const state_monitor_actor& from);

  proto::KeepAliveAck on_keep_alive(const proto::KeepAlive& x);

  void on_query(proto::NodeQuery& x);

  /// Answers one query. What came before this turn is handled before the next:
  /// a whole list takes milliseconds, and signs of life must not wait for
  /// thousands of them.
  void on_dispatch();

  caf::result<proto::LeaveAck> on_leave(const proto::Leave& x);

  caf::result<proto::Reply> on_request(const proto::Request& x);

  caf::result<proto::Outcome> on_command(proto::Command& x);

  void on_probe(const node_probe& x);

  void on_dial(const worker_key& x, uint64_t number);

  void on_flush();

  void on_tick();

  void on_down(const caf::down_msg& x);

  // -- parts of the handlers --------------------------------------------------

  proto::Reply list_nodes() const;

  /// Asks a node for its parts.
  caf::result<proto::Reply> show_tree(const proto::Request& x);

  /// Proposes what people want to be done with a node, and answers *done* when
  /// it is durable.
  caf::result<proto::Reply> change(proto::NodeCommand x, proto::Reply done);

  /// Adds an event of words.
  void note(const std::string& text);

  /// Says why a node must not register, if there is a reason.
  std::optional<error> refuse(const proto::Registration& x) const;

  /// Returns whether an earlier start of the node seems to live, elsewhere.
  bool lives_elsewhere(const worker_key& start,
                       const proto::NodeCard& card) const;

  void subscribe(const worker_key& start, const state_monitor_actor& who);

  /// Takes over a row that has changed, and has it told.
  void take(const proto::NodeListRow& x);

  /// Proposes a change of the list, takes it over and tells it; calls *f* with
  /// the error, if there is one.
  void propose(proto::NodeCommand x,
               std::function<void(const std::optional<proto::Error>&)> f);

  /// Has an event follow, now or after the pause.
  void schedule_flush();

  void declare_down(const worker_key& x, down_cause why);

  /// Sends changes of the list.
  /// @param asked Of the query; 0: it is an event.
  template <class F>
  void for_each_part(const node_changes& x, int64_t asked, F f) const;

  /// Tries to connect to a node until it is heard of, or proven to be gone.
  /// Begins with the first pause also if that is under way.
  void begin_dialling(const worker_key& x);

  /// Finds out whether the node can be reached at all.
  void verify(const worker_key& x);

  /// Does it again after a pause.
  void verify_later(const worker_key& x);

  void start_probes();

  /// Asks the STATE_REPLICATOR for a sign of life, if it owes none.
  void check_lead();

  /// Returns whether another manager may lead by now: nodes are to look for it.
  bool may_be_deposed() const {
    return asked_replicator && others_vote
           && now() - *asked_replicator > options.deposed_after;
  }

  time_point now() const {
    return self->clock().now();
  }

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "information_centre";

  information_centre_impl::pointer self;

  information_centre_options options;

  state_replicator_actor replicator;

  std::optional<node_list> list;

  /// The version up to which subscribers were told.
  list_version told;

  bool flush_scheduled = false;

  /// When the next event may be told.
  time_point flush_from;

  std::map<std::string, subscriber> subscribers; ///< By node.

  /// The nodes of the subscribers, for the end of a connection.
  std::map<caf::actor_addr, std::string> nodes;

  /// The last query of each node that waits for an answer, and the nodes in
  /// their order: who asks again is answered once.
  std::map<std::string, proto::NodeQuery> queries;
  std::deque<std::string> askers;

  /// Nodes that accepted a connection at the address that they name. Of others
  /// a refusal proves nothing: the address may be wrong.
  std::set<worker_key> reached;

  /// Subscribers that were not reached yet, with the pause before the next try.
  std::map<worker_key, std::chrono::milliseconds> unreached;

  std::map<worker_key, dialling> dials;

  /// Counts what begins in `dials`.
  uint64_t diallings = 0;

  std::deque<waiting_probe> probes;

  size_t probes_under_way = 0;

  bool braked = false;

  /// Since when an answer of the STATE_REPLICATOR is waited for.
  std::optional<time_point> asked_replicator;

  /// Whether there are other managers who could lead, as it said last.
  bool others_vote = true;

  /// Why nodes were refused last: they ask again and again.
  std::map<std::string, std::string> refusals;
};

/// Watches the nodes of the cluster; lives while this manager leads the cluster
/// group.
/// @param self The actor itself.
/// @param options Limits.
/// @param store The tables that *replicator* writes.
/// @param replicator Where changes of the list are proposed.
information_centre_impl::behavior_type information_centre(
  information_centre_impl::stateful_pointer<information_centre_state> self,
  information_centre_options options, std::shared_ptr<const tables> store,
  state_replicator_actor replicator);

} // namespace coppice

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::node_probe)

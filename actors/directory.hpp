// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/local_messages.hpp"
#include "actors/peer_links.hpp"
#include "actors/replies.hpp"
#include "runtime/task/product_route.hpp"
#include "runtime/task/scatter.hpp"

#include <caf/actor_addr.hpp>
#include <caf/response_promise.hpp>
#include <caf/result.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace coppice {

/// The DIRECTORY with its messages to itself.
using directory_impl
  = local_directory_actor::extend<caf::reacts_to<peer_links_actor>,
                                  caf::reacts_to<local_state_monitor_actor>,
                                  caf::reacts_to<atom::retire>>;

/// What the DIRECTORY is told when it starts.
struct directory_options {
  /// Name of this node.
  std::string node;
  /// Where the managers are, for people, if this node is none.
  std::string managers;
  /// This node is a manager.
  bool is_manager = true;
  /// Stops this node; called once for each request to stop.
  std::function<void()> stop;
  /// `cluster.shards`: how many there are going to be, at least 1.
  uint32_t shards = 1;
  /// `cluster.name`.
  std::string cluster{};
  /// Who supervises the parts of this node; invalid in tests.
  api_actor parts{};
};

/// The state of the DIRECTORY: the handles of whoever answers, here and at the
/// managers that lead other groups. Passes requests on, cut into parts where
/// several shards have to answer.
struct directory_state {
  // -- member types -----------------------------------------------------------

  using reply_promise = caf::typed_response_promise<proto::Reply>;

  using reply_handler = std::function<void(proto::Reply&)>;

  using error_handler = std::function<void(const caf::error&)>;

  /// A question to another manager.
  struct question {
    std::string group;
    caf::actor_addr whom;
    /// It changes nothing.
    bool harmless = false;
    /// Called once.
    reply_handler answer;
  };

  /// Answers that are waited for together.
  struct gathering;

  /// A submit on its way through the shards.
  struct submission;

  using submission_ptr = std::shared_ptr<submission>;

  /// A request for tasks on its way through the shards.
  struct lease_walk;

  using lease_walk_ptr = std::shared_ptr<lease_walk>;

  // -- constructors, destructors, and assignment operators --------------------

  explicit directory_state(directory_impl::pointer selfptr) : self(selfptr) {}

  // -- handlers (directory.cpp) -----------------------------------------------

  caf::result<proto::Reply> on_request(proto::Request& x);

  caf::result<proto::Welcome, job_scheduler_actor, task_tracker_actor>
  on_hello(proto::Hello& x, worker_actor& from);

  caf::result<proto::RegistrationReply, information_centre_actor>
  on_register(proto::Registration& x, state_monitor_actor& from);

  caf::result<proto::ManagerHello, peer_actors>
  on_manager(proto::ManagerHello& x, caf::strong_actor_ptr& from,
             peer_actors& replicas);

  void on_lead(lead_info& x);

  void on_leader(leader_address& x);

  // -- parts: the groups (directory.cpp) --------------------------------------

  /// Says why nobody answers for a group.
  proto::Reply not_leader(const std::string& group) const;

  /// Asks the leader of a group.
  /// @param f Called once, also if nobody answers.
  void ask(const std::string& group, proto::Request x, reply_handler f);

  /// Asks the leader of a group, which is another manager.
  void ask_other(const leader_address& to, proto::Request x, reply_handler f);

  /// Asks a group that this manager leads.
  void ask_here(const lead_info& to, proto::Request x, reply_handler f);

  /// Asks whoever knows, with what was acknowledged before in its tables.
  void read_here(const std::string& group, proto::Request x, reply_handler f);

  /// Returns what to do if the answer to *x* is lost: *f* is told that it has
  /// to be asked again, or, of a change, that nobody knows.
  static error_handler when_lost(const proto::Request& x, reply_handler f);

  /// Passes *x* to an actor of this manager.
  template <class Handle>
  void deliver(const Handle& to, proto::Request x, reply_handler f) {
    auto lost = when_lost(x, f);
    self->request(to, answer_timeout, std::move(x))
      .then([f](proto::Reply& reply) { f(reply); }, lost);
  }

  // -- parts: the cluster group (directory_cluster.cpp) -----------------------

  /// Answers for the cluster group, which this manager leads.
  void ask_cluster(const lead_info& to, proto::Request x, reply_handler f);

  proto::Reply products(const proto::ProductsRequest& x) const;

  proto::Reply events(const proto::EventsRequest& x) const;

  proto::Reply tokens() const;

  proto::Reply regenerations(const proto::RegenerationsRequest& x) const;

  void change_token(const lead_info& to, const proto::TokenRequest& x,
                    reply_handler f);

  /// Answers what this actor reads from the cluster group itself.
  proto::Reply read_own(const proto::Request& x) const;

  void bind(const lead_info& to, const proto::BindRequest& x, reply_handler f);

  /// Says who leads the groups.
  proto::Reply shards() const;

  /// Says which groups a backup has to have, in the order in which they have to
  /// be copied.
  proto::Reply backup_groups() const;

  /// Tells which parts a node has: this one itself, or another one by way of
  /// the INFORMATION_CENTRE.
  void show_tree(proto::Request& x, const reply_handler& f);

  /// Returns how many shards there are, as far as this manager knows.
  uint32_t shard_count() const;

  /// Lists the nodes: what the INFORMATION_CENTRE knows, or if none answers
  /// this node, and what the shards know of those that run tasks.
  void list_nodes(const reply_handler& f);

  /// Reads the tables of the cluster group.
  /// @returns False if this manager has none, or they cannot be read.
  bool read_cluster(const std::function<void(const table_view&)>& f) const;

  // -- parts: requests for shards (directory_shards.cpp) ----------------------

  /// Passes on what a client asks.
  void route(proto::Request& x, const reply_handler& f);

  /// Asks the group *named*, or the cluster group.
  void route_named(const std::string& named, proto::Request& x,
                   const reply_handler& f);

  /// Asks the shards of the tasks that *x* names.
  void route_ids(proto::Request& x, const reply_handler& f);

  void ask_parts(proto::Request x,
                 const std::map<uint32_t, proto::ProductRow>& known,
                 const reply_handler& f);

  void route_list(proto::Request& x, const reply_handler& f);

  // -- parts: scheduling clients (directory_leases.cpp) -----------------------

  /// Asks the shards for tasks, until one has some or nobody waits any more.
  void lease_tasks(const proto::LeaseTasksRequest& x, const reply_handler& f);

  /// Asks for what an earlier request with the same id got, and goes on.
  void recall_leases(const lease_walk_ptr& x);

  /// Asks the next shard.
  void visit_for_leases(const lease_walk_ptr& x);

  // -- parts: what all shards know (directory_shards.cpp) ---------------------

  /// Asks the INFORMATION_CENTRE and all shards to release a node.
  void release(proto::Request& x, const reply_handler& f);

  /// Asks all of *shards* the same, and merges what they answer.
  void ask_all(const std::vector<uint32_t>& shards, const proto::Request& x,
               const std::function<proto::Reply(std::vector<proto::Reply>)>& f,
               const reply_handler& then);

  std::vector<uint32_t> all_shards() const;

  // -- parts: submit (directory_submit.cpp) -----------------------------------

  void submit(proto::SubmitRequest& x, const reply_handler& f);

  /// Asks for the products that are not known, or not well enough, and goes on.
  void find_products(const submission_ptr& x);

  /// Asks the next shard for each spec that none has taken.
  void visit(const submission_ptr& x);

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "directory";

  /// How long an answer may take, the proof of the lead included. The longest
  /// is a part of a log that a worker sends.
  static constexpr std::chrono::seconds answer_timeout{25};

  directory_impl::pointer self;

  directory_options options;

  /// Of this manager, by group.
  std::map<std::string, lead_info> leads;

  /// Other managers that lead, by group.
  std::map<std::string, leader_address> leaders;

  /// Not answered yet. CAF says nothing when a connection is lost.
  std::map<uint64_t, question> questions;

  uint64_t last_question = 0;

  /// Which shard the next request for tasks begins with.
  size_t next_shard = 0;

  /// Invalid if this is the only manager.
  peer_links_actor links;

  /// That of this node; comes soon after the start.
  local_state_monitor_actor monitor;
};

/// Answers whoever connects to the node port, or says who does.
/// @param self The actor itself.
/// @param options Facts about this node.
directory_impl::behavior_type
directory(directory_impl::stateful_pointer<directory_state> self,
          directory_options options);

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/local_messages.hpp"
#include "runtime/group_name.hpp"
#include "storage/consensus/peer_codec.hpp"
#include "storage/consensus/replica.hpp"
#include "storage/log_store.hpp"
#include "storage/tables.hpp"

#include <caf/response_promise.hpp>
#include <caf/result.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace coppice {

/// The STATE_REPLICATOR with its messages to itself.
using state_replicator_impl
  = state_replicator_actor::extend<caf::reacts_to<atom::flush>,
                                   caf::reacts_to<atom::tick>,
                                   caf::reacts_to<copied_tables>>;

/// What the STATE_REPLICATOR is told when it starts.
struct state_replicator_options {
  /// Which group this is.
  std::string group = shard_group(0);
  replica_options raft;
  /// In the cluster group: how many shards there are to be. More may be there.
  uint32_t shards = 0;
  /// Name of this manager.
  std::string node;
  /// In the cluster group: the managers that the config file names. In a
  /// shard: who the managers are, until a `cluster_facts` comes.
  std::vector<proto::ManagerRow> managers;
  /// How often it is looked whether members should come or go.
  std::chrono::milliseconds review{500};
  /// Folder of the group: its disk is watched, copies of tables are made in it,
  /// and a leader's tables go there.
  std::filesystem::path dir;
  /// Below this much free space nothing is accepted that adds to the data.
  uint64_t reserve_bytes = uint64_t{1} << 30;
  /// How often timers and the age of unflushed tables are looked at.
  std::chrono::milliseconds tick{25};
  /// Proposals beyond this many bytes that wait are refused.
  size_t max_waiting_bytes = size_t{64} << 20;
  /// Commands are packed into entries of about this size.
  size_t pack_bytes = size_t{192} << 10;
  /// The log is trimmed in steps of this many entries.
  uint64_t trim_step = 1'024;
  /// Larger messages between replicas are sent in parts.
  size_t max_part_bytes = size_t{256} << 10;
  /// Whole messages larger than this are refused.
  size_t max_message_bytes = size_t{64} << 20;
  /// A copy of the tables that nobody asks for is dropped after this. The log
  /// is kept so long that it goes on after one that is for members.
  std::chrono::milliseconds copy_kept{30'000};
  /// Pause before the next part of the leader's tables is asked for again.
  std::chrono::milliseconds part_patience{200};
  /// Copies are made in threads of their own. Otherwise in those of all actors,
  /// for tests.
  bool threads = true;
  /// Pause after the disk refused a copy of the tables, or the leader's tables:
  /// others ask for the one, and offer the other, several times a second.
  std::chrono::milliseconds refused_pause{5'000};
};

/// The state of the STATE_REPLICATOR: everything that waits in its mailbox
/// becomes one turn of the replica, with one write to the disk.
struct state_replicator_state {
  // -- member types -----------------------------------------------------------

  using promise = caf::typed_response_promise<proto::Outcome>;

  /// A command that waits for the end of the turn.
  struct proposal {
    proto::Command command;
    promise answer;
  };

  /// An entry that was proposed and has not been applied.
  struct flight {
    log_position where;
    proto::Entry entry;
    std::vector<promise> answers;
  };

  /// A copy of the tables for a backup.
  struct backup_copy {
    std::shared_ptr<tables_copy> copy; ///< Null: it is not made yet.
    std::optional<error> why;          ///< It cannot be made.
    caf::actor_clock::time_point used; ///< When it was last asked for.
  };

  /// Those who wait until the entry at *where* is applied.
  struct barrier {
    log_position where;
    std::vector<promise> answers;
  };

  // -- constructors, destructors, and assignment operators --------------------

  explicit state_replicator_state(state_replicator_impl::pointer selfptr)
    : self(selfptr) {}

  // -- initialization ---------------------------------------------------------

  /// Goes on where log and tables ended.
  result<> init(state_replicator_options xs, std::shared_ptr<log_store> log,
                std::shared_ptr<tables> db);

  // -- handlers ---------------------------------------------------------------

  caf::result<proto::Outcome> on_command(proto::Command& x);

  caf::result<proto::Outcome> on_barrier();

  void on_peer(proto::PeerMessage& x);

  void on_link(peer_link_state& x);

  caf::result<proto::Reply> on_request(const proto::Request& x);

  void on_listener(lead_listener x);

  void on_facts(cluster_facts& x);

  void on_transfer(uint64_t to);

  void on_copied(const copied_tables& x);

  void on_flush();

  void on_tick();

  void on_exit();

  // -- parts of the handlers --------------------------------------------------

  /// Says why *x* cannot be accepted now, if so.
  std::optional<error> refuse(const proto::Command& x, size_t size) const;

  /// Packs what waits into entries and proposes them.
  void propose_waiting();

  void propose_entry(flight x);

  /// Lets whoever waits for a barrier wait for the end of this turn's entries.
  void propose_barriers();

  void schedule_flush();

  /// Sends *x* to another member, if it can be reached.
  void send_out(peer_message&& x);

  /// Nobody knows what becomes of what is under way.
  void fail_flights();

  /// Makes everything durable, applies what is committed, answers.
  void end_turn();

  /// Takes note that the disk refused to take *what*.
  void struggle(const char* what, const error& why);

  result<> apply_committed();

  /// Applies *xs* in one go and answers whoever proposed them.
  result<> apply(const std::vector<committed_entry>& xs);

  /// Applies one entry; takes its outcomes and whom to tell.
  void apply_entry(table_view& view, const committed_entry& x,
                   std::vector<std::pair<promise, proto::Outcome>>& out);

  /// Ends the actor, and thereby the process: its supervisor starts it again.
  void fail(const error& why);

  // The members of the group: state_replicator_members.cpp.

  bool is_cluster() const {
    return options.group == cluster_group;
  }

  /// Returns all managers. In the cluster group: those of the config file with
  /// what the tables say of them, and the others that the tables know.
  std::vector<proto::ManagerRow> roster() const;

  void tell_roster();

  /// Takes note of an entry that may change the roster.
  void note_roster(const proto::Entry& x);

  /// Answers from this manager's tables, whoever leads.
  proto::Reply stale_tasks(const proto::Request& x) const;

  proto::Reply show_managers() const;

  caf::result<proto::Reply> change_manager(const proto::ManagerRequest& x);

  caf::result<proto::Reply> propose_manager(proto::ManagerRow x);

  proto::Reply transfer_lead(const std::string& to);

  /// Says why manager *x* cannot go, if so.
  std::optional<error> refuse_removal(const std::string& x) const;

  /// Takes the next step to the members that should be.
  result<> review_members();

  /// Writes down the managers of the config file that nobody did yet.
  void record_managers(const std::vector<proto::ManagerRow>& xs);

  /// Makes the shards that are not there yet.
  void record_shards();

  /// Proposes what nobody waits for.
  void propose(proto::Command x);

  // Tables that travel: state_replicator_tables.cpp.

  /// A member wants a part of this one's tables.
  void on_tables_wanted(const proto::PeerMessage& x);

  /// A part of the leader's tables has come.
  void on_tables_part(const proto::PeerMessage& x);

  /// The leader's log does not reach this member any more.
  void on_behind(const snapshot_offer& x);

  void make_copy();

  /// Copies what is on disk, in a thread of its own; `on_copied` takes it.
  void start_copy();

  void ask_for_tables();

  /// Says why the leader's tables cannot be fetched now; a later offer begins
  /// anew.
  void give_up_intake(const error& why);

  /// Gives up an intake that has become pointless.
  void look_after_intake();

  /// Does what is due for tables that travel.
  void look_after_tables();

  // Copies for backups: state_replicator_backup.cpp.

  caf::result<proto::Reply> on_backup(const proto::BackupRequest& x);

  /// Promises a copy that has all that is applied now.
  proto::Reply begin_backup();

  proto::Reply backup_part(const proto::BackupRequest& x);

  /// Makes the copy that backups wait for, unless one is being made.
  void copy_for_backups();

  void deliver_to_backups(const copied_tables& x);

  void drop_backups();

  /// Trims the log, but for what a copy of the tables needs.
  result<> trim_log();

  void answer_barriers(uint64_t applied);

  void tell_listener();

  void watch_disk();

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "state_replicator";

  state_replicator_impl::pointer self;

  state_replicator_options options;

  std::shared_ptr<log_store> log_disk;

  std::shared_ptr<tables> store;

  std::optional<replica> member;

  std::vector<proposal> waiting;

  size_t waiting_bytes = 0;

  std::deque<flight> flights;

  /// Committed, but the tables could not take it yet.
  std::vector<committed_entry> backlog;

  /// Not proposed yet.
  std::vector<promise> waiting_barriers;

  /// In the order of their entries.
  std::deque<barrier> barriers;

  std::map<uint64_t, peer_actor> peers; ///< By member.

  std::optional<message_cutter> cutter;

  std::optional<message_joiner> joiner;

  lead_listener listener;

  /// What the listener was told.
  std::optional<lead_change> told;

  uint64_t trimmed = 0;

  bool flush_scheduled = false;

  bool disk_full = false;

  /// The timer is to end a turn.
  bool stuck = false;

  /// The disk refused the last turn.
  bool failing = false;

  // The members.

  caf::actor_clock::time_point reviewed;

  /// The group knows something new of its members or of the cluster.
  bool roster_changed = true;

  // Tables that travel.

  /// For members that are too far behind.
  std::shared_ptr<tables_copy> copy;

  bool copying = false;

  /// No copy is made before.
  caf::actor_clock::time_point copy_at;

  /// When a part of it was last asked for.
  caf::actor_clock::time_point copy_used;

  /// By the numbers that those who asked for them were told.
  std::map<uint64_t, backup_copy> backups;

  /// They get the next copy.
  std::vector<uint64_t> next_backups;

  /// They get the copy that is being made; nobody: it is for members.
  std::vector<uint64_t> copied_backups;

  /// Entries from here on stay in the log; 0: none has to.
  uint64_t keep_from = 0;

  /// The leader's, as far as they have come.
  std::optional<tables_intake> intake;

  /// Who has them.
  uint64_t intake_from = 0;

  /// Where this member's own tables ended when it began.
  uint64_t intake_at = 0;

  caf::actor_clock::time_point ask_at;

  /// No intake begins before.
  caf::actor_clock::time_point intake_after;

  caf::actor_clock::time_point disk_checked;
};

/// Replicates the state of one group.
/// @param self The actor itself. It blocks on the disk, so spawn it with
///             `caf::detached` outside of tests.
/// @param options Limits and intervals.
/// @param log The durable log; the actor owns it.
/// @param store The tables behind the log. Only this actor changes them.
state_replicator_impl::behavior_type state_replicator(
  state_replicator_impl::stateful_pointer<state_replicator_state> self,
  state_replicator_options options, std::shared_ptr<log_store> log,
  std::shared_ptr<tables> store);

} // namespace coppice

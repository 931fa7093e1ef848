// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/error.hpp"
#include "storage/consensus/configuration.hpp"
#include "storage/consensus/consensus_engine.hpp"
#include "storage/consensus/freshness.hpp"
#include "storage/consensus/log_entry.hpp"
#include "storage/consensus/log_tail.hpp"
#include "storage/consensus/peer_message.hpp"
#include "storage/log_store.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace coppice {

/// What a replica is told once.
struct replica_options {
  /// This member; not 0.
  uint64_t id = 0;

  /// The first members of the group; one is enough. Read only if the log is
  /// empty: later the log itself says who is a member. Nobody: this member
  /// waits until a leader takes it in.
  std::vector<uint64_t> voters;

  std::chrono::milliseconds election_timeout{500};

  std::chrono::milliseconds heartbeat{50};

  bool pre_vote = true;

  /// Seeds the election timers; should differ between members.
  uint32_t seed = 0;

  // Limits per follower of what was sent and not acknowledged. The engine
  // counts entries; their largest size makes it a limit of bytes.

  uint32_t max_inflight_entries = 16;

  size_t max_inflight_bytes = size_t{8} << 20;

  /// The largest proposal.
  size_t max_entry_bytes = size_t{240} << 10;

  /// The largest message, given that it has more than one entry.
  size_t max_message_bytes = size_t{256} << 10;

  // What `trim` leaves for followers that are behind, whichever is less.

  uint32_t trailing_entries = 4096;

  size_t trailing_bytes = size_t{64} << 20;

  /// Data of applied entries that stays in memory for followers.
  size_t tail_bytes = size_t{16} << 20;
};

/// A leader's tables that a member needs, because the entries that it lacks are
/// gone from the leader's log.
struct snapshot_offer {
  uint64_t leader = 0;
  log_position last; ///< The last entry in the tables.
};

/// Where a replica stands after a turn.
struct turn {
  role current_role = role::follower;
  uint64_t term = 0;
  uint64_t leader = 0; ///< 0: unknown.
  uint64_t commit_index = 0;
  bool role_changed = false;
  bool term_changed = false;
  bool leader_changed = false;

  /// This member led and does not any more, at least not in the same term: the
  /// outcome of all proposals that are not committed is unknown.
  bool leadership_lost = false;

  /// The leader's log no longer reaches this member: it needs the leader's
  /// tables. Comes again until it has them: get them, give this replica up and
  /// `start` another one on them.
  std::optional<snapshot_offer> missing_snapshot;
};

/// One member of a replicated log: drives the engine, its store and its
/// messages in the order that Raft demands.
///
/// The caller feeds any number of `propose`, `receive` and `tick` and then ends
/// the turn with `finish_turn`, which makes all of it durable in ONE
/// transaction. No clock, no threads, no network: time is an argument and never
/// goes back. The tables behind the log are the caller's: it applies what
/// `next_committed` hands out and says so with `applied`.
class replica {
public:
  // -- member types -----------------------------------------------------------

  using time_point = consensus_engine::time_point;

  /// Takes a message to send. It may be lost, but not be put back.
  using outbox = std::function<void(peer_message&&)>;

  // -- constructors, destructors, and assignment operators --------------------

  /// Starts on what *store* has; an empty one gets the bootstrap entry.
  /// @param store Must outlive the replica.
  /// @param applied The last entry that the tables behind the log contain
  ///        durably, 0 if none. Nothing up to it is handed out again. Its term
  ///        may be 0 if unknown. The configuration is that of tables that came
  ///        from a leader: if the log does not lead up to them it is dropped,
  ///        and goes on after them.
  /// @returns `ec::corrupt_store` if log and tables do not fit together,
  ///          `ec::invalid_argument` if the options cannot work,
  ///          `ec::storage_failure`.
  static result<replica> start(const replica_options& options, log_store& store,
                               const log_base& applied, time_point now);

  // -- modifiers --------------------------------------------------------------

  /// Appends *data* to the log at the end of the turn.
  /// @returns Where it will stand if it commits. It has committed once
  ///          `next_committed` hands out an entry with this index AND term; if
  ///          the lead is lost before, the outcome is unknown.
  ///          `ec::not_leader` if this member does not lead,
  ///          `ec::invalid_argument` if *data* is too large.
  result<log_position> propose(std::string data);

  /// Proposes an entry without data: once it is committed, this member was
  /// still the leader after the call.
  result<log_position> propose_barrier();

  /// Hands the lead over to voter *to*, or to any if it is 0. Takes no
  /// proposals meanwhile; gives up after an election timeout.
  result<> transfer(uint64_t to, time_point now);

  /// Makes *xs* the members of the group, from the entry on that is returned:
  /// before it is committed, nothing tells whether it will be.
  /// @returns `ec::not_leader` if this member does not lead, or has not proved
  ///          it yet. `ec::invalid_argument` if it is not one change (see
  ///          `is_one_change`), lets a stranger vote, or drops this member.
  ///          `ec::overloaded` if the change before is not committed, or who is
  ///          to vote has not caught up: try again.
  result<log_position> change_members(std::vector<member_record> xs,
                                      time_point now);

  /// Takes a message of another member.
  /// @returns `ec::protocol_violation` if it makes no sense (it is ignored), or
  ///          `ec::corrupt_store` if this member's log contradicts the
  ///          leader's: it must stop then.
  result<> receive(const peer_message& x, time_point now);

  /// Looks at the time. Call it when `next_timeout()` has come.
  result<> tick(time_point now);

  /// Carries out all that is pending: what may leave before this member's own
  /// disk is done (a leader's entries for its followers) goes to *send* first,
  /// then everything is made durable in one transaction, then the rest is sent.
  /// @returns `ec::storage_failure` if the store refused: nothing of this turn
  ///          was answered or committed, nothing is lost, and the next call
  ///          tries again. Any other error is final.
  result<turn> finish_turn(time_point now, const outbox& send);

  /// Hands out the next committed entries in order, at most *max_bytes* of
  /// data, but at least one if there is one. Call it until nothing comes.
  result<std::vector<committed_entry>> next_committed(size_t max_bytes);

  /// Learns that the caller has applied all up to *index*.
  void applied(uint64_t index);

  /// Learns that the tables are durable up to *index*: the log before it goes
  /// at the end of the turn, but for a trailing part.
  /// @pre *index* was handed out by `next_committed`, or given to `start`.
  result<> trim(uint64_t index, time_point now);

  // -- properties -------------------------------------------------------------

  /// Returns whether this member leads, and has applied all that any leader
  /// before it committed. Only then its tables may be asked.
  bool ready_to_lead() const;

  /// Returns when to call `tick` and `finish_turn` next.
  time_point next_timeout() const;

  uint64_t id() const noexcept {
    return options_.id;
  }

  role current_role() const {
    return engine_.current_role();
  }

  uint64_t term() const {
    return engine_.state().term;
  }

  /// Returns the leader of the current term, or 0 if it is unknown.
  uint64_t leader() const;

  /// Returns up to where the log is committed and on this member's disk.
  uint64_t commit_index() const noexcept;

  /// Returns the last entry handed out by `next_committed`.
  uint64_t delivered_index() const noexcept {
    return delivered_;
  }

  uint64_t last_index() const noexcept {
    return tail_.last();
  }

  /// Returns the entry after the last trimmed one.
  uint64_t first_index() const noexcept {
    return base_.position.index + 1;
  }

  /// Returns the members as the newest configuration in the log says; nobody
  /// if this member has not been taken in yet.
  result<std::vector<member_record>> members() const;

  /// Returns whether this member votes and the group has no other one: then it
  /// leads as long as it lives. Cheap, unlike `members`.
  bool alone() const;

  /// Returns up to where member *id* is known to have this leader's log; 0 if
  /// that is unknown.
  uint64_t match_index(uint64_t id) const {
    return engine_.match_index(id);
  }

  /// Returns when the caller's tables last lacked nothing that this member, a
  /// follower, had heard of; nothing if it never heard of a leader.
  std::optional<time_point> complete_at() const {
    return freshness_.complete_at();
  }

  /// Returns what tables that end at *index* have to say to whom they are sent.
  /// @pre `first_index() <= index + 1 && index <= delivered_index()`
  log_base position_at(uint64_t index) const;

private:
  // -- constructors, destructors, and assignment operators --------------------

  replica(const replica_options& options, log_store& store, log_image image,
          uint64_t applied);

  // -- modifiers --------------------------------------------------------------

  result<log_position> enqueue(entry_type type, std::string data);
  result<> submit(std::span<const log_entry> xs);
  result<> submit_proposals();
  result<> step(const peer_message& x, std::span<const log_entry> entries);
  result<> step_append(const peer_message& x);
  result<> step_parts(const peer_message& x);
  void note_offer(const peer_message& x);
  result<> carry_out(engine_update x, std::span<const log_entry> passed);
  void append(uint64_t first, std::span<const log_entry> xs);
  void cut(uint64_t index);
  void enqueue_messages(std::vector<engine_message>&& xs);
  result<> fill(engine_message&& x);
  result<> note_role(const engine_update& x);
  result<> note_commit();
  result<> persist();
  void send_early(const outbox& send);
  void send_all(const outbox& send);
  turn report();

  // -- properties -------------------------------------------------------------

  append_entries skip_committed(const append_entries& x) const;
  result<> check_change(const std::vector<member_record>& before,
                        const std::vector<member_record>& after) const;
  error not_leader() const;
  result<std::vector<log_entry>> read(uint64_t from, uint64_t to,
                                      size_t max_bytes) const;
  uint64_t term_of(uint64_t index) const;
  const configuration_record& configuration_at(uint64_t index) const;
  bool dirty() const;

  // -- member variables -------------------------------------------------------

  replica_options options_;

  log_store* store_;

  consensus_engine engine_;

  /// The newest time that was passed in.
  time_point now_{};

  // The log: base, heads of all entries after it, data of the last ones.

  log_base base_;

  std::deque<log_head> heads_;

  log_tail tail_;

  /// The one in force at the base, and all after it.
  std::vector<configuration_record> configurations_;

  /// What a configuration looks like that has this member only.
  std::string lone_configuration_;

  // What the disk has, and what it lacks.

  hard_state durable_state_;

  uint64_t durable_index_;

  /// The lowest index that was cut off and is still on the disk; 0: none.
  uint64_t truncate_from_ = 0;

  std::optional<log_base> trim_;

  // Where the log is known to be committed, and where the caller is.

  uint64_t commit_;

  uint64_t delivered_;

  uint64_t applied_;

  /// The last snapshot that the engine knows of.
  uint64_t snapshot_;

  // The turn.

  std::vector<log_entry> proposals_;

  std::vector<peer_message> waiting_;

  std::optional<snapshot_offer> missing_snapshot_;

  /// A follower could not be served because the log cannot be read.
  std::optional<error> fault_;

  bool leading_ = false;

  bool lost_ = false;

  /// The entry by which this member proves its lead; index 0: it has none.
  log_position barrier_;

  /// Who sent entries last, and in which term.
  uint64_t heard_from_ = 0;

  uint64_t heard_term_ = 0;

  freshness freshness_;

  /// What the last turn reported.
  turn reported_;
};

} // namespace coppice

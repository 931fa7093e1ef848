// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The end of a replica's turn: what goes to its disk, to others, and to its
// caller.

#include "storage/consensus/replica.hpp"

#include <algorithm>
#include <utility>

namespace coppice {

result<turn> replica::finish_turn(time_point now, const outbox& send) {
  now_ = std::max(now_, now);
  if (auto done = submit_proposals(); !done)
    return done.as_failure();
  send_early(send);
  if (dirty())
    if (auto done = persist(); !done)
      return done.as_failure();
  send_all(send);
  if (fault_) {
    auto x = std::move(*fault_);
    fault_.reset();
    return x;
  }
  tail_.shrink(std::min(delivered_, durable_index_), options_.tail_bytes);
  return report();
}

/// Sends a leader's entries while its own disk is still to come: nobody counts
/// this member's copy before it is durable. The one thing that must be on its
/// disk is the vote by which it leads. And who is a member: if only one who may
/// not stand for election any more had that, and the leader lost it in a crash,
/// the one could not lead, and would not vote for the other.
void replica::send_early(const outbox& send) {
  auto is_change
    = [](const log_entry& x) { return x.type == entry_type::configuration; };
  auto may_leave = [&](const peer_message& x) {
    auto* body = std::get_if<append_entries>(&x.body);
    return body && body->term == durable_state_.term
           && std::none_of(body->entries.begin(), body->entries.end(),
                           is_change);
  };
  auto rest
    = std::stable_partition(waiting_.begin(), waiting_.end(), may_leave);
  std::for_each(waiting_.begin(), rest,
                [&](peer_message& x) { send(std::move(x)); });
  waiting_.erase(waiting_.begin(), rest);
}

void replica::send_all(const outbox& send) {
  for (auto& x : waiting_)
    send(std::move(x));
  waiting_.clear();
}

bool replica::dirty() const {
  return engine_.state() != durable_state_ || truncate_from_ != 0 || trim_
         || tail_.last() != durable_index_;
}

result<> replica::persist() {
  auto state = engine_.state();
  auto last = tail_.last();
  log_write x;
  if (state != durable_state_)
    x.state = state;
  x.truncate_from = truncate_from_;
  if (last > durable_index_) {
    x.first = durable_index_ + 1;
    x.entries = tail_.range(x.first, last + 1);
  }
  x.trim = trim_;
  if (auto written = store_->write(x); !written)
    return written;
  durable_state_ = state;
  truncate_from_ = 0;
  trim_.reset();
  if (last == std::exchange(durable_index_, last))
    return ok();
  auto persisted = engine_.persisted(last, now_);
  if (!persisted)
    return persisted.as_failure();
  return carry_out(std::move(persisted.value()), {});
}

turn replica::report() {
  auto before = std::exchange(reported_, {});
  reported_.current_role = engine_.current_role();
  reported_.term = engine_.state().term;
  reported_.leader = leader();
  reported_.commit_index = commit_index();
  reported_.role_changed = reported_.current_role != before.current_role;
  reported_.term_changed = reported_.term != before.term;
  reported_.leader_changed = reported_.leader != before.leader;
  reported_.leadership_lost = std::exchange(lost_, false);
  auto result = reported_;
  result.missing_snapshot = std::exchange(missing_snapshot_, std::nullopt);
  return result;
}

} // namespace coppice

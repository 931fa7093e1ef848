// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "tests/cluster/simulated_member.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace coppice::test {

/// What was seen that must never be.
struct violation {
  std::string what;
};

/// The promises of a replicated log, held against all that a group has ever
/// done. Knows more than any member.
class invariants {
public:
  // -- what happened ----------------------------------------------------------

  /// *x* ended a turn.
  void note_turn(simulated_member& x) {
    if (!x.disk.violation().empty())
      fail(x, x.disk.violation());
    if (x.aut->current_role() == role::leader)
      note_leader(x);
    note_commit(x);
  }

  /// *x* may know of more that is committed.
  void note_commit(simulated_member& x) {
    auto commit = x.aut->commit_index();
    if (commit < x.seen_commit)
      fail(x, "took back the commit of " + std::to_string(x.seen_commit));
    if (commit > x.disk.last_index())
      fail(x, "committed what its disk lacks");
    for (auto index = std::max(x.seen_commit + 1, x.disk.first_index());
         index <= commit; ++index)
      agree(x, index, x.disk.at(index));
    x.seen_commit = commit;
    x.disk.protect(commit);
  }

  /// *x* applied an entry.
  void note_applied(const simulated_member& x, const committed_entry& y) {
    if (y.index > x.disk.last_index())
      fail(x, "applied what its disk lacks");
    if (y.index != x.tables.applied().index + 1)
      fail(x, "applied " + std::to_string(y.index) + " after "
                + std::to_string(x.tables.applied().index));
    agree(x, y.index, y.entry);
  }

  /// *x* told a client that its entry at *index* is done.
  void note_acknowledged(const simulated_member& x, uint64_t index) {
    if (committed_.size() < index)
      fail(x, "acknowledged what is not committed");
    acknowledged_.insert(committed_[index - 1].op);
    last_acknowledged_ = std::max(last_acknowledged_, index);
  }

  /// *x* answers a read from its tables, because its barrier at *index* is
  /// committed.
  void note_read(const simulated_member& x, uint64_t index,
                 const waiting_read& y) const {
    if (index <= y.must_see || x.tables.applied().index < y.must_see)
      fail(x, "stale read: saw " + std::to_string(index) + ", not "
                + std::to_string(y.must_see));
  }

  /// All is well again: everybody who is in the group must have everything.
  void check_converged(const std::vector<simulated_member*>& xs) const {
    for (auto* member : xs) {
      auto& x = *member;
      std::set<std::string> ops;
      for (auto& row : x.tables.rows)
        if (!row.op.empty() && !ops.insert(row.op).second)
          fail(x, "applied twice: " + row.op);
      for (auto& op : acknowledged_)
        if (ops.count(op) == 0)
          fail(x, "lost what was acknowledged: " + op);
    }
  }

  // -- properties -------------------------------------------------------------

  uint64_t last_acknowledged() const {
    return last_acknowledged_;
  }

  size_t acknowledged() const {
    return acknowledged_.size();
  }

  uint64_t last_committed() const {
    return committed_.size();
  }

private:
  struct fact {
    uint64_t term = 0;
    std::string op;
    uint64_t known_in = 0; ///< The lowest term in which it was committed.
  };

  [[noreturn]] static void fail(const simulated_member& x,
                                const std::string& what) {
    throw violation{"member " + std::to_string(x.id()) + " " + what};
  }

  void note_leader(const simulated_member& x) {
    auto term = x.aut->term();
    auto [i, added] = leaders_.emplace(term, x.id());
    if (i->second != x.id())
      fail(x, "leads term " + std::to_string(term) + " as does "
                + std::to_string(i->second));
    if (!added)
      return;
    // Leader completeness. What a later term committed it cannot know.
    for (auto index = committed_.size(); index >= x.disk.first_index();
         --index) {
      auto& known = committed_[index - 1];
      if (known.known_in >= term)
        continue;
      if (x.disk.last_index() < index || x.disk.at(index).term != known.term)
        fail(x, "leads term " + std::to_string(term)
                  + " without committed entry " + std::to_string(index));
      return; // Then it has all before it, by log matching.
    }
  }

  void agree(const simulated_member& x, uint64_t index, const log_entry& y) {
    if (index > committed_.size() + 1)
      fail(x, "committed " + std::to_string(index) + " after a gap");
    auto op = y.type == entry_type::command ? std::string{y.bytes()} : "";
    auto term = x.aut->term();
    if (index > committed_.size()) {
      committed_.push_back({y.term, op, term});
      return;
    }
    auto& known = committed_[index - 1];
    known.known_in = std::min(known.known_in, term);
    if (known.term != y.term || known.op != op)
      fail(x, "has another entry " + std::to_string(index)
                + " than the committed one");
  }

  std::map<uint64_t, uint64_t> leaders_; ///< By term.
  std::vector<fact> committed_;          ///< By index - 1.
  std::set<std::string> acknowledged_;
  uint64_t last_acknowledged_ = 0;
};

} // namespace coppice::test

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/consensus/replica.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace coppice {

// -- who is in the group, and who leads it ------------------------------------

result<> replica::transfer(uint64_t to, time_point now) {
  now_ = std::max(now_, now);
  if (!leading_)
    return not_leader();
  if (auto done = submit_proposals(); !done)
    return done;
  auto started = engine_.transfer(to, now_);
  if (!started)
    return started.as_failure();
  return carry_out(std::move(started.value()), {});
}

result<log_position> replica::change_members(std::vector<member_record> xs,
                                             time_point now) {
  now_ = std::max(now_, now);
  // Only after an entry of its own term: otherwise two leaders could change the
  // same configuration in two ways, with majorities that do not meet (Ongaro,
  // "Bug in single-server membership changes", raft-dev, 2015).
  if (!ready_to_lead())
    return not_leader();
  if (configurations_.back().index > commit_index())
    return error{ec::overloaded, "the members of this group are changing just "
                                 "now; try again a little later"};
  auto before = members();
  if (!before)
    return before.as_failure();
  if (auto checked = check_change(before.value(), xs); !checked)
    return checked.as_failure();
  auto data = encode_members(std::move(xs));
  if (!data)
    return data.as_failure();
  if (auto done = submit_proposals(); !done)
    return done.as_failure();
  auto entry = make_log_entry(engine_.state().term, entry_type::configuration,
                              std::move(data.value()));
  auto position = log_position{tail_.last() + 1, entry.term};
  if (auto done = submit({&entry, 1}); !done)
    return done.as_failure();
  return position;
}

/// A voter must know that it is in the group, or it would refuse the vote by
/// which the next leader could tell it. A leader must vote: libraft lets nobody
/// stand for election whose own log says otherwise, and without it the change
/// might never be committed.
result<> replica::check_change(const std::vector<member_record>& before,
                               const std::vector<member_record>& after) const {
  if (!is_one_change(before, after))
    return error{ec::invalid_argument,
                 "the members of a group can only be changed one by one"};
  if (std::find(after.begin(), after.end(), member_record{options_.id, true})
      == after.end())
    return error{ec::invalid_argument,
                 "the leader of a group cannot leave it: hand the lead over "
                 "before"};
  for (auto& x : after) {
    if (!x.votes || std::find(before.begin(), before.end(), x) != before.end())
      continue;
    if (std::find(before.begin(), before.end(), member_record{x.id, false})
        == before.end())
      return error{ec::invalid_argument,
                   "a new member of a group may not vote at once"};
    if (engine_.match_index(x.id) < configurations_.back().index)
      return error{ec::overloaded, "member " + std::to_string(x.id)
                                     + " has not caught up; try again later"};
  }
  return ok();
}

result<std::vector<member_record>> replica::members() const {
  auto& newest = configurations_.back();
  if (newest.index == 0)
    return std::vector<member_record>{};
  return decode_members(newest.data);
}

bool replica::alone() const {
  return configurations_.back().data == lone_configuration_;
}

} // namespace coppice

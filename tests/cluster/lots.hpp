// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "tests/cluster/world.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

// What a run of chaos draws by lot.

namespace coppice::test {

/// Draws the options of a group. Small limits, so that they are reached.
inline replica_options draw_options(dice& chance) {
  replica_options x;
  x.election_timeout = milliseconds{200};
  x.heartbeat = milliseconds{20};
  // Candidates at the same time and, without pre-vote, in the same term.
  x.seed = chance.permille(300) ? 1 : 0;
  x.pre_vote = chance.permille(x.seed == 1 ? 300 : 850);
  x.max_inflight_entries = 1U << chance.below(5);
  x.max_entry_bytes = 64;
  x.max_message_bytes = 50;
  x.trailing_entries = chance.below(20);
  x.tail_bytes = chance.permille(500) ? 0 : 200;
  return x;
}

inline weather draw_weather(dice& chance) {
  weather x;
  x.lost_permille = chance.below(3) * chance.below(100);
  x.doubled_permille = chance.below(2) * chance.below(100);
  x.delay = chance.between(milliseconds{1}, milliseconds{20});
  x.late = chance.between(x.delay, milliseconds{400});
  return x;
}

inline mishaps draw_mishaps(dice& chance) {
  mishaps x;
  x.power_cut = chance.below(2) * chance.below(20);
  x.vote_cut = chance.below(2) * chance.below(400);
  x.disk_refuses = chance.below(2) * chance.below(50);
  x.disk_stalls = chance.below(2) * chance.below(20);
  return x;
}

/// Ways from one member to another.
using ways = std::vector<std::pair<uint64_t, uint64_t>>;

/// Draws two halves and returns the ways between them; in one direction only,
/// now and then.
inline ways draw_split(dice& chance, size_t members) {
  ways xs;
  auto both = chance.permille(700);
  auto mask = chance.below(1U << members);
  for (uint64_t from = 1; from <= members; ++from)
    for (uint64_t to = 1; to <= members; ++to)
      if ((mask >> (from - 1) & 1) != 0 && (mask >> (to - 1) & 1) == 0) {
        xs.emplace_back(from, to);
        if (both)
          xs.emplace_back(to, from);
      }
  return xs;
}

/// Returns the ways to and from member *id*.
inline ways ways_of(uint64_t id, size_t members) {
  ways xs;
  for (uint64_t other = 1; other <= members; ++other) {
    xs.emplace_back(id, other);
    xs.emplace_back(other, id);
  }
  return xs;
}

template <class Message>
void cut(simulated_network<Message>& network, const ways& xs) {
  for (auto& [from, to] : xs)
    network.cut(from, to);
}

/// Lets *leader* try to change the part of member *id* in its group: it comes,
/// goes, or begins or ceases to vote.
inline void reshape(dice& chance, world& group, simulated_member& leader,
                    uint64_t id) {
  auto xs = leader.aut->members().value();
  auto i
    = std::find_if(xs.begin(), xs.end(), [id](auto& x) { return x.id == id; });
  auto voters
    = std::count_if(xs.begin(), xs.end(), [](auto& x) { return x.votes; });
  if (i == xs.end())
    xs.push_back({id, false});
  else if (!i->votes && chance.permille(700))
    i->votes = true;
  else if (i->votes && voters == 1)
    return;
  else if (chance.permille(300))
    i->votes = !i->votes;
  else
    xs.erase(i);
  group.change_members(leader, std::move(xs));
}

} // namespace coppice::test

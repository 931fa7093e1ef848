// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/consensus/lead_balance.hpp"

#include <caf/test/unit_test.hpp>

#include <algorithm>
#include <random>

using namespace coppice;

namespace {

lead_facts facts(uint64_t self, std::vector<uint64_t> leader_of) {
  lead_facts x;
  x.self = self;
  for (size_t i = 0; i < leader_of.size(); ++i) {
    ++x.leads[leader_of[i]];
    if (leader_of[i] == self)
      x.movable.push_back({std::to_string(i), {1, 2, 3}});
  }
  return x;
}

} // namespace

CAF_TEST(one more than another is even enough) {
  CAF_CHECK(!next_lead_move(facts(1, {1})));
  CAF_CHECK(!next_lead_move(facts(1, {1, 2})));
  CAF_CHECK(!next_lead_move(facts(1, {1, 1, 2, 3})));
  CAF_CHECK(!next_lead_move({}));
}

CAF_TEST(who leads two more than another gives one away) {
  CAF_CHECK(next_lead_move(facts(1, {1, 1})) == (lead_move{"0", 2}));
  CAF_CHECK(next_lead_move(facts(1, {1, 2, 1, 1, 3, 3}))
            == (lead_move{"0", 2}));
  CAF_CHECK(!next_lead_move(facts(2, {1, 1})));
}

CAF_TEST(nobody is given what he cannot lead) {
  auto x = facts(1, {1, 1, 1});
  for (auto& led : x.movable)
    led.heirs.clear();
  CAF_CHECK(!next_lead_move(x));
  x.movable[2].heirs = {3};
  CAF_CHECK(next_lead_move(x) == (lead_move{"2", 3}));
}

CAF_TEST(all lead about as many in the end) {
  std::mt19937 rng{1};
  for (auto round = 0; round < 200; ++round) {
    std::vector<uint64_t> leader(1 + rng() % 16);
    for (auto& x : leader)
      x = 1 + rng() % 3;
    auto moves = 0;
    for (auto idle = 0; idle < 3; ++idle)
      for (uint64_t self = 1; self <= 3; ++self)
        if (auto move = next_lead_move(facts(self, leader))) {
          leader[std::stoul(move->group)] = move->to;
          idle = -1;
          CAF_REQUIRE(++moves < 40);
        }
    auto count
      = [&](uint64_t x) { return std::count(leader.begin(), leader.end(), x); };
    auto [least, most] = std::minmax({count(1), count(2), count(3)});
    CAF_CHECK(most - least <= 1);
  }
}

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/consensus/membership.hpp"

#include <caf/test/unit_test.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <string>

using namespace coppice;

namespace {

uint64_t member(const std::string& name, uint32_t life = 1) {
  return uint64_t{manager_tag(name)} << 32 | life;
}

using members = std::vector<member_record>;

struct fixture {
  std::map<uint64_t, uint64_t> matches;
  membership_facts facts;

  fixture() {
    facts.leader = member("a");
    facts.members = {{member("a")}, {member("b")}, {member("c")}};
    facts.connected = {member("b"), member("c")};
    facts.last_index = 1'000;
    facts.match = [this](uint64_t id) { return matches[id]; };
  }

  void lose(uint64_t id) {
    std::erase(facts.connected, id);
  }

  /// Takes steps as long as there are any.
  members settle() {
    for (auto i = 0; i < 100; ++i) {
      auto next = next_members(facts);
      if (!next)
        return facts.members;
      CAF_REQUIRE(is_one_change(facts.members, *next));
      facts.members = *next;
    }
    CAF_ERROR("it goes on for ever");
    return {};
  }

  bool votes(uint64_t id) const {
    return std::find(facts.members.begin(), facts.members.end(),
                     member_record{id, true})
           != facts.members.end();
  }

  /// Returns whether each voter still has its data.
  bool all_live(const std::map<std::string, uint32_t>& lives) const {
    return std::all_of(
      facts.members.begin(), facts.members.end(), [&](auto& y) {
        return !y.votes || y.id == facts.leader
               || std::any_of(lives.begin(), lives.end(), [&](auto& z) {
                    return member(z.first, z.second) == y.id;
                  });
      });
  }

  bool is_member(uint64_t id) const {
    return std::any_of(facts.members.begin(), facts.members.end(),
                       [id](auto& x) { return x.id == id; });
  }
};

} // namespace

CAF_TEST(a config file says where managers are and tables who is removed) {
  auto manager = [](const char* name, const char* address, bool removed) {
    proto::ManagerRow x;
    x.set_name(name);
    x.set_address(address);
    x.set_removed(removed);
    return x;
  };
  manager_sources sources;
  sources.configured = {manager("a", "a:1", false), manager("b", "b:1", true),
                        manager("c", "c:1", false)};
  sources.stored = {manager("b", "old:1", false), manager("c", "c:1", true),
                    manager("d", "d:1", false)};
  std::string all;
  for (auto& x : known_managers(sources))
    all += x.name() + "=" + x.address() + (x.removed() ? " removed, " : ", ");
  CAF_CHECK_EQUAL(all, "a=a:1, b=b:1, c=c:1 removed, d=d:1, ");
}

CAF_TEST_FIXTURE_SCOPE(membership_tests, fixture)

CAF_TEST(nothing changes while everybody is there or only away) {
  CAF_CHECK(!next_members(facts));
  lose(member("b"));
  CAF_CHECK(!next_members(facts));
  lose(member("c"));
  CAF_CHECK(!next_members(facts));
}

CAF_TEST(a newcomer learns first and votes when it has caught up) {
  facts.connected.push_back(member("d"));
  settle();
  CAF_CHECK(is_member(member("d")));
  CAF_CHECK(!votes(member("d")));
  matches[member("d")] = 700;
  CAF_CHECK(!next_members(facts));
  matches[member("d")] = 990;
  settle();
  CAF_CHECK(votes(member("d")));
  CAF_CHECK_EQUAL(facts.members.size(), 4u);
}

CAF_TEST(who lost its data takes the place of its former self) {
  lose(member("c"));
  facts.connected.push_back(member("c", 2));
  settle();
  // The former one stays until the new one is of use.
  CAF_CHECK(votes(member("c")));
  CAF_CHECK(is_member(member("c", 2)));
  matches[member("c", 2)] = 1'000;
  settle();
  CAF_CHECK(!is_member(member("c")));
  CAF_CHECK(votes(member("c", 2)));
  CAF_CHECK_EQUAL(facts.members.size(), 3u);
}

CAF_TEST(a manager that lost its data twice leaves no former self behind) {
  lose(member("c"));
  facts.connected.push_back(member("c", 2));
  settle();
  lose(member("c", 2));
  facts.connected.push_back(member("c", 3));
  settle();
  matches[member("c", 3)] = 1'000;
  settle();
  CAF_CHECK_EQUAL(facts.members.size(), 3u);
  CAF_CHECK(votes(member("c", 3)));
}

CAF_TEST(who was removed leaves and does not come back) {
  facts.removed = {manager_tag("c")};
  settle();
  CAF_CHECK(!is_member(member("c")));
  facts.connected.push_back(member("c", 2));
  CAF_CHECK(!next_members(facts));
}

CAF_TEST(the leader does not drop itself) {
  facts.removed = {manager_tag("a")};
  CAF_CHECK(!next_members(facts));
}

CAF_TEST(nobody leaves if the others could not decide any more) {
  facts.removed = {manager_tag("b")};
  lose(member("c"));
  CAF_CHECK(!next_members(facts));
  facts.connected.push_back(member("c"));
  settle();
  CAF_CHECK(!is_member(member("b")));
}

CAF_TEST(every way leads to all that are there) {
  std::minstd_rand rng{42};
  for (auto round = 0; round < 2'000; ++round) {
    fixture x;
    std::map<std::string, uint32_t> lives;
    for (auto* name : {"b", "c", "d", "e"})
      lives[name] = 1;
    for (auto step = 0; step < 30; ++step) {
      // Somebody loses its data, goes, comes, or catches up.
      auto& [name, life] = *std::next(lives.begin(), rng() % lives.size());
      x.lose(member(name, life));
      // Who loses the data of a majority has lost the group.
      if (rng() % 4 == 0 && x.all_live(lives))
        ++life;
      if (rng() % 3 != 0)
        x.facts.connected.push_back(member(name, life));
      x.matches[member(name, life)] = rng() % 1'001;
      if (auto next = next_members(x.facts)) {
        CAF_REQUIRE(is_one_change(x.facts.members, *next));
        CAF_REQUIRE(x.facts.members != *next);
        x.facts.members = *next;
      }
      CAF_REQUIRE(x.votes(x.facts.leader));
    }
    x.facts.connected.clear();
    for (auto& [name, life] : lives) {
      x.facts.connected.push_back(member(name, life));
      x.matches[member(name, life)] = 1'000;
    }
    x.settle();
    for (auto& [name, life] : lives)
      CAF_REQUIRE(x.votes(member(name, life)));
    CAF_REQUIRE_EQUAL(x.facts.members.size(), 5u);
  }
}

CAF_TEST_FIXTURE_SCOPE_END()

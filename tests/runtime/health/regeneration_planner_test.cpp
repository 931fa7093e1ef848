// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/regeneration/regeneration_planner.hpp"

#include <caf/test/unit_test.hpp>

#include <deque>
#include <set>
#include <string>

using namespace coppice;

namespace {

struct fixture {
  void add_node(const std::string& name, bool manager,
                node_state state = node_state::healthy) {
    proto::NodeCard card;
    card.set_manager(manager);
    card.set_worker(!manager);
    node_entry x;
    x.start = {name, 1};
    x.state = state;
    x.card = card.SerializeAsString();
    nodes.push_back(std::move(x));
  }

  static proto::Vital worn() {
    proto::Vital x;
    x.set_name("memory");
    x.set_value(900);
    x.set_limit(1'000);
    x.set_growth_per_hour(10);
    x.set_worn(true);
    return x;
  }

  proto::VitalsRequest& about(const std::string& node) {
    auto& x = reports.emplace_back();
    x.set_node(node);
    said.push_back(&x);
    return x;
  }

  void wear_node(const std::string& node) {
    *about(node).add_vitals() = worn();
  }

  void wear_instance(const std::string& node, const std::string& service) {
    auto& x = *about(node).add_instances();
    x.set_service(service);
    *x.add_vitals() = worn();
  }

  proto::RegenerationRow&
  remember(const std::string& node, const std::string& service,
           proto::RegenerationEnd outcome, int64_t ended_ms) {
    auto& x = all.emplace_back();
    x.set_number(all.size());
    x.set_node(node);
    x.set_service(service);
    x.set_outcome(outcome);
    x.set_ended_ms(ended_ms);
    return x;
  }

  std::vector<proto::RegenerationRow> wears(int64_t now_ms = 1'000'000) const {
    return what_wears({all, nodes, said}, policy, now_ms);
  }

  bool may(const std::string& node) const {
    proto::RegenerationRow x;
    x.set_node(node);
    return may_begin(x, {all, nodes, said}, policy).has_value();
  }

  std::vector<proto::RegenerationRow> all;
  std::vector<node_entry> nodes;
  std::deque<proto::VitalsRequest> reports;
  std::vector<const proto::VitalsRequest*> said;
  regeneration_policy policy;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(regeneration_planner_tests, fixture)

CAF_TEST(a node that wears is regenerated with its evidence) {
  add_node("w1", false);
  CAF_CHECK(wears().empty());
  wear_node("w1");
  auto x = wears();
  CAF_REQUIRE_EQUAL(x.size(), 1u);
  CAF_CHECK_EQUAL(x[0].node(), "w1");
  CAF_CHECK_EQUAL(x[0].cause(), proto::WEAR);
  CAF_REQUIRE_EQUAL(x[0].evidence_size(), 1);
  CAF_CHECK_EQUAL(x[0].evidence(0).name(), "memory");
}

CAF_TEST(what is not worn is no evidence) {
  add_node("w1", false);
  auto& x = *about("w1").add_vitals();
  x.set_name("memory");
  x.set_value(900);
  CAF_CHECK(wears().empty());
}

CAF_TEST(a service comes before its node) {
  add_node("w1", false);
  wear_instance("w1", "web");
  *reports.back().add_vitals() = worn();
  auto x = wears();
  CAF_REQUIRE_EQUAL(x.size(), 1u);
  CAF_CHECK_EQUAL(x[0].service(), "web");
}

CAF_TEST(where the service did not help the node is next) {
  add_node("w1", false);
  wear_instance("w1", "web");
  remember("w1", "web", proto::NOT_CURED, 0);
  auto x = wears(10'000'000);
  CAF_REQUIRE_EQUAL(x.size(), 1u);
  CAF_CHECK_EQUAL(x[0].service(), "");
  CAF_CHECK_EQUAL(x[0].node(), "w1");
  // Its memory is not that of its node.
  CAF_REQUIRE_EQUAL(x[0].evidence_size(), 1);
  CAF_CHECK_EQUAL(x[0].evidence(0).name(), "memory of web/0");
}

CAF_TEST(what is restarted with its node is left alone) {
  add_node("w1", false);
  wear_instance("w1", "web");
  remember("w1", "", proto::UNDER_WAY, 0);
  CAF_CHECK(wears(10'000'000).empty());
  all.back().set_outcome(proto::REGENERATED);
  CAF_CHECK_EQUAL(wears(10'000'000).size(), 1u);
}

CAF_TEST(the same thing rests for a while and longer after each vain try) {
  add_node("w1", false);
  wear_node("w1");
  auto rest = policy.cooldown.count();
  remember("w1", "", proto::REGENERATED, 1'000);
  CAF_CHECK(wears(1'000 + rest - 1).empty());
  CAF_CHECK_EQUAL(wears(1'000 + rest).size(), 1u);
  remember("w1", "", proto::NOT_CURED, 1'000);
  CAF_CHECK(wears(1'000 + 2 * rest - 1).empty());
  CAF_CHECK_EQUAL(wears(1'000 + 2 * rest).size(), 1u);
  remember("w1", "", proto::ROLLED_BACK, 1'000);
  CAF_CHECK(wears(1'000 + 4 * rest - 1).empty());
  CAF_CHECK_EQUAL(wears(1'000 + 4 * rest).size(), 1u);
}

CAF_TEST(what is at its limit again at once rests longer each time) {
  add_node("w1", false);
  auto& vital = *about("w1").add_vitals();
  vital = worn();
  vital.clear_growth_per_hour();
  auto rest = policy.cooldown.count();
  auto begin_and_end = [&](int64_t begins, int64_t ends) {
    auto& row = remember("w1", "", proto::REGENERATED, ends);
    row.set_cause(proto::LIMIT);
    row.add_steps()->set_at_ms(begins);
  };
  begin_and_end(1'000, 2'000);
  CAF_CHECK_EQUAL(wears(2'000 + rest).size(), 1u);
  begin_and_end(2'000 + rest, 3'000 + rest);
  CAF_CHECK(wears(2'999 + 3 * rest).empty());
  CAF_CHECK_EQUAL(wears(3'000 + 3 * rest).size(), 1u);
  begin_and_end(3'000 + 3 * rest, 4'000 + 3 * rest);
  CAF_CHECK(wears(3'999 + 7 * rest).empty());
  CAF_CHECK_EQUAL(wears(4'000 + 7 * rest).size(), 1u);
  // It helped for long enough: all is forgotten.
  begin_and_end(4'000 + 20 * rest, 5'000 + 20 * rest);
  CAF_CHECK(wears(4'999 + 21 * rest).empty());
  CAF_CHECK_EQUAL(wears(5'000 + 21 * rest).size(), 1u);
}

CAF_TEST(what grows again is regenerated again however often) {
  add_node("w1", false);
  wear_node("w1");
  auto rest = policy.cooldown.count();
  for (auto i = 0; i < 5; ++i) {
    auto& row = remember("w1", "", proto::REGENERATED, i * (rest + 1'000));
    row.set_cause(proto::WEAR);
    row.add_steps()->set_at_ms(i * (rest + 1'000) - 1'000);
    CAF_CHECK_EQUAL(wears(i * (rest + 1'000) + rest).size(), 1u);
  }
}

CAF_TEST(a node gets no older than was planned) {
  add_node("w1", false);
  auto& word = about("w1");
  word.set_age_ms(1'000'000'000'000);
  CAF_CHECK(wears().empty());
  policy.every = std::chrono::hours{24 * 7};
  CAF_REQUIRE_EQUAL(wears().size(), 1u);
  CAF_CHECK_EQUAL(wears()[0].cause(), proto::AGE);
  CAF_CHECK(!wears()[0].reason().empty());
  auto most = static_cast<uint64_t>(oldest("w1", policy).count());
  word.set_age_ms(most);
  CAF_CHECK_EQUAL(wears().size(), 1u);
  word.set_age_ms(most - 1);
  CAF_CHECK(wears().empty());
  // An older peer does not say.
  word.clear_age_ms();
  CAF_CHECK(wears().empty());
}

CAF_TEST(nodes that began together do not end together) {
  policy.every = std::chrono::hours{24 * 8};
  std::set<int64_t> hours;
  for (auto i = 1; i <= 20; ++i) {
    auto x = oldest("worker-" + std::to_string(i), policy);
    CAF_CHECK(x <= policy.every);
    CAF_CHECK(x >= policy.every * 3 / 4);
    hours.insert(std::chrono::duration_cast<std::chrono::hours>(x).count());
  }
  CAF_CHECK(hours.size() > 10);
}

CAF_TEST(what is worn comes before what is old) {
  policy.max_parallel = 2;
  policy.every = std::chrono::hours{1};
  for (auto* name : {"w1", "w2", "w3", "w4", "w5"})
    add_node(name, false);
  about("w1").set_age_ms(4'000'000);
  about("w2").set_age_ms(5'000'000);
  wear_node("w3");
  auto x = wears();
  CAF_REQUIRE_EQUAL(x.size(), 3u);
  CAF_CHECK_EQUAL(x[0].node(), "w3");
  CAF_CHECK_EQUAL(x[1].cause(), proto::AGE);
  CAF_CHECK_EQUAL(x[2].cause(), proto::AGE);
}

CAF_TEST(in quiet hours only what is at its limit is regenerated) {
  constexpr int64_t hour = 3'600'000;
  policy.quiet = daily_hours{std::chrono::hours{8}, std::chrono::hours{18}};
  policy.every = std::chrono::hours{1};
  add_node("w1", false);
  add_node("w2", false);
  wear_node("w1");
  about("w2").set_age_ms(1'000 * hour);
  auto day = 20'000 * 24 * hour;
  CAF_CHECK_EQUAL(wears(day + 8 * hour - 1).size(), 2u);
  CAF_CHECK(wears(day + 8 * hour).empty());
  CAF_CHECK(wears(day + 18 * hour - 1).empty());
  CAF_CHECK_EQUAL(wears(day + 18 * hour).size(), 2u);
  CAF_CHECK(may("w1"));
  reports[0].mutable_vitals(0)->set_value(960);
  auto x = wears(day + 12 * hour);
  CAF_REQUIRE_EQUAL(x.size(), 1u);
  CAF_CHECK_EQUAL(x[0].node(), "w1");
}

CAF_TEST(quiet hours may go over midnight) {
  constexpr int64_t hour = 3'600'000;
  daily_hours x{std::chrono::hours{22}, std::chrono::hours{6}};
  CAF_CHECK(x.contain(22 * hour));
  CAF_CHECK(x.contain(3 * hour));
  CAF_CHECK(!x.contain(6 * hour));
  CAF_CHECK(!x.contain(21 * hour));
}

CAF_TEST(never more nodes at once than allowed) {
  add_node("w1", false);
  add_node("w2", false);
  add_node("w3", false);
  remember("w2", "", proto::UNDER_WAY, 0);
  wear_node("w1");
  CAF_CHECK(wears().empty());
  CAF_CHECK(!may("w1"));
  policy.max_parallel = 2;
  CAF_CHECK_EQUAL(wears().size(), 1u);
}

CAF_TEST(a quorum of managers is never touched) {
  for (auto* name : {"m1", "m2", "m3"})
    add_node(name, true);
  CAF_CHECK(may("m1"));
  nodes[2].state = node_state::down;
  CAF_CHECK(!may("m1"));
  nodes.pop_back();
  CAF_CHECK(may("m1"));
  nodes.pop_back();
  CAF_CHECK(may("m1"));
}

CAF_TEST(capacity has a floor unless people ask) {
  for (auto* name : {"w1", "w2", "w3", "w4"})
    add_node(name, false);
  wear_node("w1");
  nodes[3].state = node_state::down;
  CAF_CHECK_EQUAL(wears().size(), 1u);
  nodes[2].state = node_state::down;
  CAF_CHECK(wears().empty());
  CAF_CHECK(may("w1"));
}

CAF_TEST(one worker alone is regenerated in its place) {
  add_node("w1", false);
  wear_node("w1");
  CAF_CHECK_EQUAL(wears().size(), 1u);
}

CAF_TEST(nobody regenerates what nobody knows) {
  CAF_CHECK(!may("w9"));
}

CAF_TEST_FIXTURE_SCOPE_END()

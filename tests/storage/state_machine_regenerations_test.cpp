// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/node_rules.hpp"
#include "runtime/health/regeneration/regeneration_rules.hpp"
#include "storage/node_list_rows.hpp"
#include "storage/regeneration_tables.hpp"
#include "storage/service_tables.hpp"
#include "tests/storage/machine.hpp"

#include <caf/test/unit_test.hpp>

#include <map>

using namespace coppice;
using namespace coppice::test;

namespace {

struct fixture {
  fixture() {
    enter("n1", 3);
    enter("n2", 1);
  }

  void enter(const std::string& node, uint64_t incarnation) {
    proto::Command x;
    x.mutable_node()->set_node(node);
    x.mutable_node()->set_incarnation(incarnation);
    x.mutable_node()->set_registered("card");
    m.run(x);
  }

  proto::RegenerationOutcome begin(const std::string& node) {
    proto::Command x;
    auto& row = *x.mutable_regeneration()->mutable_begun();
    row.set_node(node);
    row.set_cause(proto::ASKED);
    row.set_reason("a new kernel");
    row.set_drain_deadline_ms(5'000);
    return m.run(x).regeneration();
  }

  proto::RegenerationOutcome go(uint64_t number, proto::RegenerationPhase from,
                                proto::RegenerationPhase to,
                                proto::RegenerationEnd end = proto::UNDER_WAY) {
    proto::Command x;
    auto& step = *x.mutable_regeneration()->mutable_step();
    step.set_number(number);
    step.set_from(from);
    step.set_to(to);
    step.set_outcome(end);
    return m.run(x).regeneration();
  }

  /// Has a service with one instance on n1, in an epoch of its own.
  uint64_t place_service() {
    proto::Command made;
    auto& shard = *made.mutable_shard();
    shard.set_number(0);
    shard.add_founders(1);
    m.run(made);
    proto::Command applied;
    applied.mutable_service()->set_name("web");
    auto& spec = *applied.mutable_service()->mutable_applied();
    spec.set_name("web");
    spec.set_form(proto::PROCESS_SERVICE);
    spec.add_command("/bin/web");
    auto row = m.run(applied).service().row();
    proto::Command placed;
    placed.mutable_service()->set_name("web");
    placed.mutable_service()->set_based_on(row.changed());
    auto& place = *placed.mutable_service()->mutable_placed()->add_places();
    place.set_node("n1");
    place.set_incarnation(3);
    row = m.run(placed).service().row();
    return row.places(0).epoch();
  }

  node_entry node(const std::string& name) {
    return *m.read(
      [&](const table_view& view) { return get_list_row(view, name); });
  }

  std::vector<proto::RegenerationRow> all() {
    return m.read(
      [](const table_view& view) { return get_regenerations(view); });
  }

  std::vector<proto::Event> events() {
    return m.read(
      [](const table_view& view) { return get_events(view, 0, 100); });
  }

  machine m;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(state_machine_regenerations_tests, fixture)

CAF_TEST(a regeneration is known to all by the row of its node) {
  auto x = begin("n1");
  CAF_CHECK(!x.has_error());
  CAF_CHECK_EQUAL(x.row().number(), 1u);
  CAF_CHECK_EQUAL(x.row().incarnation(), 3u);
  auto row = node("n1");
  CAF_REQUIRE(row.regeneration);
  CAF_CHECK_EQUAL(row.regeneration->phase, proto::QUIESCE);
  CAF_CHECK_EQUAL(row.regeneration->incarnation, 3u);
  auto hold = task_hold(row);
  CAF_REQUIRE(hold);
  CAF_CHECK_EQUAL(hold->deadline_ms, 5'000);
  CAF_CHECK(keeps_services_away(row));
  CAF_CHECK_EQUAL(events().back().kind(), proto::Event::REGENERATION);
}

CAF_TEST(each step is taken once and only forward) {
  begin("n1");
  CAF_CHECK(!go(1, proto::QUIESCE, proto::DRAIN).has_error());
  CAF_CHECK(go(1, proto::QUIESCE, proto::DRAIN).has_error());
  CAF_CHECK(go(1, proto::DRAIN, proto::QUIESCE).has_error());
  CAF_CHECK(go(1, proto::DRAIN, proto::DRAIN).has_error());
  CAF_CHECK(go(1, proto::DRAIN, proto::READMIT).has_error());
  CAF_CHECK(go(2, proto::QUIESCE, proto::DRAIN).has_error());
  auto row = node("n1");
  CAF_CHECK_EQUAL(row.regeneration->phase, proto::DRAIN);
  CAF_CHECK_EQUAL(all().at(0).steps_size(), 2);
}

CAF_TEST(the end lets the node in and stays in the history) {
  begin("n1");
  enter("n1", 4);
  CAF_CHECK(node("n1").regeneration);
  auto x = go(1, proto::QUIESCE, proto::READMIT, proto::REGENERATED);
  CAF_CHECK(!x.has_error());
  CAF_CHECK(!node("n1").regeneration);
  CAF_CHECK(!task_hold(node("n1")));
  CAF_CHECK_EQUAL(all().at(0).outcome(), proto::REGENERATED);
  CAF_CHECK(all().at(0).ended_ms() > 0);
  CAF_CHECK(go(1, proto::READMIT, proto::READMIT, proto::LOST).has_error());
  CAF_CHECK_EQUAL(begin("n1").row().number(), 2u);
}

CAF_TEST(people who drain a node meanwhile keep it drained) {
  begin("n1");
  proto::Command drain;
  drain.mutable_node()->set_node("n1");
  drain.mutable_node()->set_drained_until_ms(0);
  m.run(drain);
  go(1, proto::QUIESCE, proto::QUIESCE, proto::ROLLED_BACK);
  CAF_CHECK(node("n1").hold);
  CAF_CHECK(task_hold(node("n1")));
}

CAF_TEST(one at a time of each thing and only of what is healthy) {
  begin("n1");
  CAF_CHECK_EQUAL(begin("n1").error().code(),
                  static_cast<uint32_t>(ec::conflict));
  CAF_CHECK(!begin("n2").has_error());
  CAF_CHECK(begin("n9").has_error());
  proto::Command down;
  down.mutable_node()->set_node("n2");
  down.mutable_node()->set_incarnation(1);
  down.mutable_node()->set_down(1);
  go(2, proto::QUIESCE, proto::QUIESCE, proto::ROLLED_BACK);
  m.run(down);
  CAF_CHECK(begin("n2").has_error());
  CAF_CHECK_EQUAL(all().size(), 2u);
}

CAF_TEST(an instance of a service is asked to leave and its node is not held) {
  auto epoch = place_service();
  proto::Command x;
  auto& row = *x.mutable_regeneration()->mutable_begun();
  row.set_node("n1");
  row.set_service("web");
  auto said = m.run(x).regeneration();
  CAF_CHECK(!said.has_error());
  CAF_CHECK_EQUAL(said.row().epoch(), epoch);
  auto service
    = m.read([](const table_view& view) { return *get_service(view, "web"); });
  CAF_CHECK_EQUAL(service.places(0).revision(), 0u);
  CAF_CHECK(!node("n1").regeneration);
  CAF_CHECK(m.run(x).regeneration().has_error());
  row.set_service("other");
  CAF_CHECK(m.run(x).regeneration().has_error());
}

CAF_TEST(an instance of a node that is regenerated is left alone) {
  place_service();
  begin("n1");
  proto::Command x;
  auto& row = *x.mutable_regeneration()->mutable_begun();
  row.set_node("n1");
  row.set_service("web");
  CAF_CHECK(m.run(x).regeneration().has_error());
  auto service
    = m.read([](const table_view& view) { return *get_service(view, "web"); });
  CAF_CHECK(service.places(0).revision() != 0);
}

CAF_TEST(only so many are kept and those under way among them) {
  begin("n1");
  for (uint64_t i = 2; i < 1'005; ++i) {
    CAF_REQUIRE_EQUAL(begin("n2").row().number(), i);
    go(i, proto::QUIESCE, proto::QUIESCE, proto::ROLLED_BACK);
  }
  auto rows = all();
  CAF_CHECK_EQUAL(rows.size(), 1'000u);
  CAF_CHECK_EQUAL(rows.front().number(), 1u);
  CAF_CHECK_EQUAL(rows.back().number(), 1'004u);
  // The others are counted for ever.
  std::map<proto::RegenerationEnd, uint64_t> counts;
  for (auto& x : count_regenerations(rows))
    counts[x.outcome()] = x.count();
  CAF_CHECK_EQUAL(counts.size(), 2u);
  CAF_CHECK_EQUAL(counts[proto::UNDER_WAY], 1u);
  CAF_CHECK_EQUAL(counts[proto::ROLLED_BACK], 1'003u);
}

CAF_TEST(words that are too long are refused) {
  proto::Command x;
  auto& row = *x.mutable_regeneration()->mutable_begun();
  row.set_node("n1");
  row.set_reason(std::string(1'025, 'x'));
  CAF_CHECK(m.run(x).regeneration().has_error());
  CAF_CHECK(m.run({}).regeneration().row().number() == 0);
  CAF_CHECK(all().empty());
}

CAF_TEST_FIXTURE_SCOPE_END()

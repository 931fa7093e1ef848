// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/node_message.hpp"
#include "storage/node_list_rows.hpp"
#include "tests/storage/machine.hpp"

#include <caf/test/unit_test.hpp>

using namespace coppice;
using namespace coppice::test;

namespace {

proto::NodeCommand about(const std::string& node, uint64_t incarnation) {
  proto::NodeCommand x;
  x.set_node(node);
  x.set_incarnation(incarnation);
  return x;
}

struct fixture {
  proto::NodeOutcome run(const proto::NodeCommand& x) {
    proto::Command command;
    *command.mutable_node() = x;
    return m.run(command).node();
  }

  proto::NodeOutcome enter(const std::string& node, uint64_t incarnation) {
    auto x = about(node, incarnation);
    x.set_registered("card of " + node);
    return run(x);
  }

  proto::NodeOutcome declare_down(const std::string& node, uint64_t incarnation,
                                  down_cause why) {
    auto x = about(node, incarnation);
    x.set_down(static_cast<uint32_t>(why));
    return run(x);
  }

  proto::NodeOutcome forget(const std::string& node) {
    auto x = about(node, 1);
    x.set_forgotten(true);
    return run(x);
  }

  template <class F>
  auto read(F f) {
    return m.read([&](const table_view& view) { return f(view); });
  }

  node_list_head head() {
    return read([](auto& view) { return get_node_list_head(view); });
  }

  std::vector<node_entry> rows() {
    return read([](auto& view) { return get_list_rows(view); });
  }

  std::vector<proto::Event> events(uint64_t after, uint32_t limit) {
    return read([=](auto& view) { return get_events(view, after, limit); });
  }

  machine m;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(state_machine_nodes_tests, fixture)

CAF_TEST(each change has a version of its own and is in the list) {
  CAF_CHECK(head().version == list_version{});
  auto first = from_message(enter("b", 7).row());
  auto second = from_message(enter("a", 9).row());
  CAF_CHECK(first.changed < second.changed);
  CAF_CHECK(head().version == second.changed);
  auto listed = rows();
  CAF_REQUIRE_EQUAL(listed.size(), 2u);
  CAF_CHECK(listed[0] == second);
  CAF_CHECK_EQUAL(listed[1].card, "card of b");
  auto gone = from_message(declare_down("b", 7, down_cause::refused).row());
  CAF_CHECK(gone.state == node_state::down);
  CAF_CHECK(gone.cause == down_cause::refused);
  CAF_CHECK_EQUAL(gone.card, "card of b");
  CAF_CHECK(rows()[1] == gone);
}

CAF_TEST(what the rules refuse changes nothing) {
  enter("a", 9);
  auto before = head().version;
  CAF_CHECK(!enter("a", 9).has_row());
  CAF_CHECK(!enter("a", 8).has_row());
  CAF_CHECK(!declare_down("a", 8, down_cause::silent).has_row());
  CAF_CHECK(!declare_down("x", 1, down_cause::silent).has_row());
  CAF_CHECK(!forget("a").has_row());
  CAF_CHECK(!run(about("a", 9)).has_row());
  CAF_CHECK(head().version == before);
}

CAF_TEST(a forgotten node leaves its version behind) {
  enter("a", 9);
  auto left = about("a", 9);
  left.set_left(true);
  CAF_CHECK(run(left).has_row());
  auto row = from_message(forget("a").row());
  CAF_CHECK(row.state == node_state::forgotten);
  CAF_CHECK(rows().empty());
  CAF_CHECK(head().forgotten == row.changed);
}

CAF_TEST(what is no node is refused) {
  CAF_CHECK(enter("", 1).has_error());
  CAF_CHECK(enter("a", 0).has_error());
  CAF_CHECK(enter(std::string(1'000, 'a'), 1).has_error());
  CAF_CHECK(rows().empty());
}

CAF_TEST(people drain a node and release it whichever start it is) {
  enter("a", 9);
  auto drain = about("a", 0);
  drain.set_drained_until_ms(5'000'000);
  auto row = from_message(run(drain).row());
  CAF_REQUIRE(row.hold);
  CAF_CHECK_EQUAL(row.hold->deadline_ms, 5'000'000);
  CAF_CHECK(!run(drain).has_row());
  CAF_CHECK(rows().at(0) == row);
  auto again = from_message(enter("a", 10).row());
  CAF_CHECK(again.hold == row.hold);
  auto release = about("a", 0);
  release.set_released(true);
  CAF_CHECK(run(release).has_row());
  CAF_CHECK(!rows().at(0).hold);
  drain.set_drained_until_ms(-1);
  CAF_CHECK(run(drain).has_error());
  drain = about("b", 0);
  drain.set_drained_until_ms(0);
  CAF_CHECK(!run(drain).has_row());
}

CAF_TEST(what changes the list is an event) {
  enter("a", 9);
  declare_down("a", 9, down_cause::refused);
  declare_down("a", 9, down_cause::refused);
  forget("a");
  proto::Command note;
  note.mutable_note()->set_text("so it is");
  CAF_CHECK(!m.run(note).note().has_error());
  note.mutable_note()->clear_text();
  CAF_CHECK(m.run(note).note().has_error());
  auto xs = events(0, 10);
  CAF_REQUIRE_EQUAL(xs.size(), 4u);
  for (size_t i = 0; i < xs.size(); ++i)
    CAF_CHECK_EQUAL(xs[i].number(), i + 1);
  CAF_CHECK_EQUAL(xs[0].kind(), proto::Event::REGISTERED);
  CAF_CHECK_EQUAL(xs[0].node(), "a");
  CAF_CHECK_EQUAL(xs[0].incarnation(), 9u);
  CAF_CHECK_EQUAL(xs[1].kind(), proto::Event::DOWN);
  CAF_CHECK_EQUAL(xs[1].cause(), static_cast<uint32_t>(down_cause::refused));
  CAF_CHECK_EQUAL(xs[2].kind(), proto::Event::FORGOTTEN);
  CAF_CHECK_EQUAL(xs[3].text(), "so it is");
  CAF_CHECK_EQUAL(events(0, 1).at(0).number(), 4u);
  CAF_CHECK_EQUAL(events(2, 10).size(), 2u);
  CAF_CHECK(events(4, 10).empty());
  CAF_CHECK(events(99, 10).empty());
}

CAF_TEST(only the last events are kept) {
  proto::Command note;
  note.mutable_note()->set_text("x");
  for (auto i = 0; i < 10'005; ++i)
    m.run(note);
  auto xs = events(0, 20'000);
  CAF_REQUIRE_EQUAL(xs.size(), 10'000u);
  CAF_CHECK_EQUAL(xs.front().number(), 6u);
}

CAF_TEST_FIXTURE_SCOPE_END()

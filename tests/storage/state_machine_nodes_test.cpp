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

CAF_TEST_FIXTURE_SCOPE_END()

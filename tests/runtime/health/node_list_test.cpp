// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/node_list.hpp"

#include <caf/test/unit_test.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

struct fixture {
  /// Makes a row durable, as the state machine would.
  void commit(std::optional<node_entry> row) {
    CAF_REQUIRE(row);
    row->changed = {1, ++counter};
    CAF_CHECK(aut.put(*row, now));
  }

  void join(const worker_key& x) {
    commit(registered(row(), x, "card"));
  }

  const node_entry* row() {
    return aut.table().find("n1");
  }

  std::vector<worker_key> pass(std::chrono::milliseconds pause) {
    std::vector<worker_key> result;
    for (auto end = now + pause; now < end;) {
      now += 100ms;
      for (auto& x : aut.tick(now))
        result.push_back(x);
    }
    return result;
  }

  uint64_t counter = 0;
  node_list::time_point now{1'000h};
  node_list aut{node_table{"blue", {}, {1, 0}, {}}, health_limits{3s}, {}, now};
  worker_key start{"n1", 7};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(node_list_tests, fixture)

CAF_TEST(a stranger is to register) {
  CAF_CHECK(aut.heard(start, now) == admission::fresh);
  join(start);
  CAF_CHECK(aut.heard(start, now) == admission::known);
  CAF_CHECK(aut.heard({"n1", 6}, now) == admission::over);
  CAF_CHECK(aut.heard({"n1", 8}, now) == admission::fresh);
}

CAF_TEST(a silent node is down until it registers again) {
  join(start);
  CAF_CHECK(pass(3s) == (std::vector{start}));
  commit(down(row(), start, down_cause::silent));
  CAF_CHECK(pass(10s).empty());
  CAF_CHECK(aut.heard(start, now) == admission::fresh);
  join(start);
  CAF_CHECK(aut.heard(start, now) == admission::known);
  CAF_CHECK_EQUAL(pass(3s).size(), 1u);
}

CAF_TEST(a node that left is not watched and does not come back) {
  join(start);
  commit(left(row(), start));
  CAF_CHECK(pass(10s).empty());
  CAF_CHECK(aut.heard(start, now) == admission::over);
  CAF_CHECK(aut.heard({"n1", 8}, now) == admission::fresh);
}

CAF_TEST(only the healthy nodes of the rows are watched) {
  auto row = [](std::string node, node_state state, uint64_t at) {
    auto cause
      = state == node_state::down ? down_cause::silent : down_cause::none;
    return node_entry{{std::move(node), 1}, state, cause, {}, {1, at}};
  };
  node_table rows{"blue",
                  {row("a", node_state::healthy, 1),
                   row("b", node_state::down, 2),
                   row("c", node_state::left, 3)},
                  {1, 3},
                  {}};
  node_list next{rows, health_limits{3s}, {}, now};
  CAF_CHECK_EQUAL(next.book().size(), 1u);
  CAF_CHECK(next.heard({"a", 1}, now) == admission::known);
  CAF_CHECK(next.heard({"b", 1}, now) == admission::fresh);
}

CAF_TEST(a new list gives nodes the time to find it) {
  node_table rows{
    "blue", {{start, node_state::healthy, {}, {}, {1, 1}}}, {1, 1}, {}};
  node_list next{rows, health_limits{3s, 1s}, {}, now};
  auto begun = now;
  std::vector<worker_key> silent;
  while (silent.empty() && now < begun + 10s)
    silent = next.tick(now += 100ms);
  CAF_CHECK(silent == (std::vector{start}));
  CAF_CHECK(now - begun == 4s);
}

CAF_TEST(a refused connection proves an end only after one was lost) {
  join(start);
  CAF_CHECK(!aut.refused(start, now));
  CAF_CHECK(aut.link_lost(start));
  CAF_CHECK(!aut.refused({"n1", 6}, now));
  CAF_CHECK(aut.refused(start, now));
  aut.heard(start, now);
  CAF_CHECK(!aut.refused(start, now));
  CAF_CHECK(!aut.link_lost({"n1", 6}));
}

CAF_TEST(proof may follow silence once) {
  join(start);
  commit(down(row(), start, down_cause::silent));
  CAF_CHECK(aut.refused(start, now));
  commit(down(row(), start, down_cause::refused));
  CAF_CHECK(!aut.refused(start, now));
}

CAF_TEST(a row that is known changes nothing) {
  join(start);
  auto old = *row();
  commit(down(row(), start, down_cause::silent));
  CAF_CHECK(!aut.put(old, now));
  CAF_CHECK(row()->state == node_state::down);
  CAF_CHECK_EQUAL(aut.book().size(), 0u);
}

CAF_TEST(people are told why) {
  CAF_CHECK_EQUAL(aut.explain("n1", now).size(), 1u);
  join(start);
  CAF_CHECK(aut.explain("n1", now)
            == (std::vector<std::string>{"n1 is healthy."}));
  pass(2s);
  auto lines = aut.explain("n1", now);
  CAF_REQUIRE_EQUAL(lines.size(), 2u);
  CAF_CHECK_EQUAL(lines[1], "It is suspected: its last sign of life is 2s old; "
                            "its suspicion is 6.4 (very late).");
  aut.link_lost(start);
  CAF_CHECK_EQUAL(aut.explain("n1", now).size(), 3u);
  commit(down(row(), start, down_cause::refused));
  CAF_CHECK(aut.explain("n1", now)
            == (std::vector<std::string>{"n1 is down: its process is gone: a "
                                         "connection was refused."}));
}

CAF_TEST_FIXTURE_SCOPE_END()

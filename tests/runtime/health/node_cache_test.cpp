// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/node_cache.hpp"

#include <caf/test/unit_test.hpp>

#include <chrono>
#include <string>
#include <vector>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

struct fixture {
  node_entry row(std::string node, list_version at,
                 node_state state = node_state::healthy) {
    node_entry x;
    x.start = {std::move(node), 1};
    x.state = state;
    if (state == node_state::down)
      x.cause = down_cause::silent;
    x.changed = at;
    return x;
  }

  node_changes whole(list_version version, std::vector<node_entry> entries) {
    return {"blue", true, {}, version, std::move(entries)};
  }

  node_changes event(list_version since, node_entry x) {
    return {"blue", false, since, x.changed, {x}};
  }

  void fill() {
    aut.apply(whole({1, 5}, {row("a", {1, 2}), row("b", {1, 5})}));
    aut.confirmed({1, 5}, now);
  }

  node_cache::time_point now{1'000h};
  node_cache aut{"blue", cache_limits{10s, 500ms}};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(node_cache_tests, fixture)

CAF_TEST(an answer fills it and events change it) {
  CAF_CHECK(!aut.age(now));
  fill();
  CAF_CHECK_EQUAL(aut.healthy().size(), 2u);
  auto news = aut.apply(event({1, 5}, row("a", {1, 6}, node_state::down)));
  CAF_REQUIRE_EQUAL(news.size(), 1u);
  CAF_CHECK(news[0].state == node_state::down);
  CAF_CHECK(aut.version() == (list_version{1, 6}));
  CAF_CHECK(!aut.has_gap());
  CAF_CHECK_EQUAL(aut.healthy().size(), 1u);
}

CAF_TEST(an old answer never undoes a newer event) {
  fill();
  aut.apply(event({1, 5}, row("a", {1, 6}, node_state::down)));
  auto news = aut.apply(whole({1, 5}, {row("a", {1, 2}), row("b", {1, 5})}));
  CAF_CHECK(news.empty());
  CAF_CHECK(aut.find("a")->state == node_state::down);
  CAF_CHECK(aut.apply(event({1, 1}, row("a", {1, 2}))).empty());
  CAF_CHECK(aut.find("a")->state == node_state::down);
}

CAF_TEST(an event behind a gap counts and asks for the rest) {
  fill();
  aut.query_due(now);
  CAF_CHECK(!aut.query_due(now + 1s));
  auto news = aut.apply(event({1, 6}, row("c", {1, 7})));
  CAF_CHECK_EQUAL(news.size(), 1u);
  CAF_CHECK(aut.find("c"));
  CAF_CHECK(aut.has_gap());
  CAF_CHECK(aut.version() == (list_version{1, 5}));
  CAF_CHECK(aut.query_due(now + 1s));
  // The answer was made before the event: it must not take it back.
  aut.apply(event({1, 5}, row("c", {1, 6}, node_state::down)));
  CAF_CHECK(aut.find("c")->state == node_state::healthy);
  CAF_CHECK(aut.has_gap());
  node_changes rest{"blue", false, {1, 5}, {1, 7}, {row("c", {1, 7})}};
  CAF_CHECK(aut.apply(rest).empty());
  CAF_CHECK(!aut.has_gap());
}

CAF_TEST(a whole list drops what it does not name) {
  fill();
  aut.apply(event({1, 8}, row("c", {1, 9})));
  auto news = aut.apply(whole({1, 8}, {row("b", {1, 5})}));
  CAF_REQUIRE_EQUAL(news.size(), 1u);
  CAF_CHECK_EQUAL(news[0].start.node, "a");
  CAF_CHECK(news[0].state == node_state::forgotten);
  CAF_CHECK(!aut.find("a"));
  CAF_CHECK(aut.find("c"));
  CAF_CHECK(aut.has_gap());
}

CAF_TEST(a node that was forgotten behind a gap stays forgotten) {
  fill();
  CAF_CHECK_EQUAL(
    aut.apply(event({1, 8}, row("a", {1, 9}, node_state::forgotten))).size(),
    1u);
  CAF_CHECK(aut.apply(event({1, 6}, row("a", {1, 7}))).empty());
  CAF_CHECK(!aut.find("a"));
  aut.apply({"blue", false, {1, 5}, {1, 9}, {}});
  CAF_CHECK(aut.apply(event({1, 6}, row("a", {1, 7}))).empty());
  CAF_CHECK(aut.apply(event({1, 9}, row("a", {1, 10}))).size() == 1u);
}

CAF_TEST(an epoch is told as a whole and settles higher numbers of before) {
  fill();
  CAF_CHECK(aut.apply(event({2, 3}, row("c", {2, 4}))).size() == 1u);
  CAF_CHECK(aut.has_gap());
  aut.apply(
    whole({2, 4}, {row("b", {1, 1}, node_state::down), row("c", {2, 4})}));
  CAF_CHECK(!aut.has_gap());
  CAF_CHECK(!aut.find("a"));
  CAF_CHECK(aut.find("b")->state == node_state::down);
  // What the epoch before still says does not count.
  CAF_CHECK(aut.apply(event({1, 5}, row("b", {1, 99}))).empty());
  CAF_CHECK(aut.find("b")->state == node_state::down);
}

CAF_TEST(a list of another cluster or a wild one is ignored) {
  fill();
  auto x = whole({1, 9}, {row("z", {1, 9})});
  x.cluster = "red";
  CAF_CHECK(aut.apply(x).empty());
  x = whole({1, 9}, {row("z", {1, 10})});
  CAF_CHECK(aut.apply(x).empty());
  CAF_CHECK(aut.version() == (list_version{1, 5}));
  CAF_CHECK(!aut.has_gap());
}

CAF_TEST(it asks at once and again and then now and then) {
  CAF_CHECK(aut.query_due(now));
  CAF_CHECK(!aut.query_due(now + 400ms));
  CAF_CHECK(aut.query_due(now + 500ms));
  aut.apply(whole({1, 1}, {row("a", {1, 1})}));
  aut.confirmed({1, 1}, now);
  CAF_CHECK(!aut.query_due(now + 10s));
  CAF_CHECK(aut.query_due(now + 10'500ms));
  aut.centre_found();
  CAF_CHECK(aut.query_due(now + 10'600ms));
}

CAF_TEST(a keep - alive that is answered shows a gap or confirms the view) {
  fill();
  CAF_CHECK(aut.age(now + 2s) == 2s);
  aut.confirmed({1, 5}, now + 1s);
  CAF_CHECK(aut.age(now + 2s) == 1s);
  // Late answers make it neither older nor newer.
  aut.confirmed({1, 5}, now);
  aut.confirmed({1, 4}, now + 2s);
  CAF_CHECK(aut.age(now + 2s) == 1s);
  CAF_CHECK(!aut.has_gap());
  aut.confirmed({1, 6}, now + 2s);
  CAF_CHECK(aut.has_gap());
  CAF_CHECK(aut.age(now + 2s) == 1s);
}

CAF_TEST(a node that starts again knows what it knew) {
  fill();
  aut.apply(event({1, 6}, row("c", {1, 7})));
  node_cache next{"blue", {}};
  next.load(aut.rows(), aut.version(), 90s, now);
  CAF_CHECK(next.rows() == aut.rows());
  CAF_CHECK_EQUAL(next.healthy().size(), 3u);
  CAF_CHECK(next.version() == (list_version{1, 5}));
  CAF_CHECK(next.has_gap());
  CAF_CHECK(next.age(now + 1s) == 91s);
  CAF_CHECK(next.query_due(now));
}

CAF_TEST_FIXTURE_SCOPE_END()

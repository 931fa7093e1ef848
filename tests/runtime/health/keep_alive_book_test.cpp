// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/keep_alive_book.hpp"

#include <caf/test/unit_test.hpp>

#include <chrono>
#include <string>
#include <vector>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

using keys = std::vector<worker_key>;

/// Ten nodes; a limit of 3 s, ticks of 100 ms, suspected after 1500 ms.
struct fixture {
  fixture() {
    for (auto i = 0; i < 10; ++i) {
      nodes.push_back({"n" + std::to_string(i), 1});
      aut.watch(nodes.back(), now);
    }
  }

  /// Lets time pass in ticks that are on time; nodes from *first* on speak.
  keys pass(std::chrono::milliseconds pause, size_t first) {
    keys result;
    for (auto end = now + pause; now < end;) {
      now += 100ms;
      for (auto i = first; i < nodes.size(); ++i)
        aut.heard(nodes[i], now);
      for (auto& x : aut.tick(now))
        result.push_back(x);
    }
    return result;
  }

  keep_alive_book::time_point now{1'000h};
  keep_alive_book aut{health_limits{3s}, brake_limits{30, 1, 30s}, now};
  keys nodes;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(keep_alive_book_tests, fixture)

CAF_TEST(a node that is silent for the limit is told) {
  CAF_CHECK(pass(2'900ms, 1).empty());
  CAF_CHECK(pass(100ms, 1) == (keys{nodes[0]}));
}

CAF_TEST(nodes that speak are not told) {
  CAF_CHECK(pass(60s, 0).empty());
  CAF_CHECK(aut.suspects().empty());
}

CAF_TEST(what is told and not forgotten is told again) {
  pass(3s, 1);
  CAF_CHECK(pass(2'900ms, 1).empty());
  CAF_CHECK(pass(100ms, 1) == (keys{nodes[0]}));
  aut.forget("n0");
  CAF_CHECK(pass(10s, 1).empty());
  CAF_CHECK_EQUAL(aut.size(), 9u);
}

CAF_TEST(who speaks after all is watched from then on) {
  pass(3s, 1);
  CAF_CHECK(aut.heard(nodes[0], now));
  CAF_CHECK(aut.suspects().empty());
  CAF_CHECK(pass(2'900ms, 1).empty());
  CAF_CHECK_EQUAL(pass(100ms, 1).size(), 1u);
}

CAF_TEST(another start is not heard) {
  CAF_CHECK(!aut.heard({"n0", 2}, now));
  CAF_CHECK(!aut.heard({"n0", 0}, now));
  CAF_CHECK(!aut.heard({"x", 1}, now));
  CAF_CHECK(!aut.link_lost({"n0", 2}));
  aut.watch({"n0", 2}, now);
  CAF_CHECK(!aut.heard(nodes[0], now));
  CAF_CHECK(aut.heard({"n0", 2}, now));
  CAF_CHECK_EQUAL(aut.size(), 10u);
}

CAF_TEST(silence is suspected before it is told) {
  pass(1'400ms, 1);
  CAF_CHECK(!aut.find("n0", now)->suspected);
  pass(100ms, 1);
  auto x = aut.find("n0", now).value();
  CAF_CHECK(x.suspected);
  CAF_CHECK(x.length == 1'500ms);
  CAF_CHECK(x.level > 2);
  CAF_CHECK(!x.held);
  CAF_CHECK(aut.suspects() == (keys{nodes[0]}));
  CAF_CHECK(!aut.find("n1", now)->suspected);
  CAF_CHECK(!aut.find("x", now));
}

CAF_TEST(a lost connection is suspicious until something is heard) {
  CAF_CHECK(aut.link_lost(nodes[0]));
  CAF_CHECK(aut.find("n0", now)->cut);
  CAF_CHECK(aut.find("n0", now)->suspected);
  aut.heard(nodes[0], now);
  CAF_CHECK(!aut.find("n0", now)->cut);
}

CAF_TEST(many that fall silent at once are held and then told) {
  CAF_CHECK(pass(32'900ms, 5).empty());
  CAF_CHECK(aut.brake().engaged());
  auto x = aut.find("n0", now).value();
  CAF_CHECK(x.held);
  CAF_CHECK(!aut.find("n5", now)->held);
  CAF_CHECK_EQUAL(pass(100ms, 5).size(), 5u);
  CAF_CHECK(!aut.find("n0", now)->held);
}

CAF_TEST(one of a group that dies is held even if it is the first to expire) {
  // Their last signs of life are spread over an interval.
  for (size_t i = 0; i < 5; ++i) {
    now += 100ms;
    aut.heard(nodes[i], now);
    aut.tick(now);
  }
  CAF_CHECK(pass(10s, 5).empty());
  CAF_CHECK(aut.brake().engaged());
}

CAF_TEST(those that come back release the others) {
  CAF_CHECK(pass(10s, 5).empty());
  CAF_CHECK(pass(2'900ms, 2).empty());
  CAF_CHECK(aut.brake().engaged());
  auto xs = pass(200ms, 2);
  CAF_CHECK(xs == (keys{nodes[0], nodes[1]}));
  CAF_CHECK(!aut.brake().engaged());
}

CAF_TEST(an observer that stood still blames nobody) {
  pass(2'900ms, 5);
  now += 10s;
  CAF_CHECK(aut.tick(now).empty());
  CAF_CHECK(aut.suspects().empty());
  CAF_CHECK(pass(2'900ms, 1).empty());
  CAF_CHECK(pass(100ms, 1) == (keys{nodes[0]}));
}

CAF_TEST(a late tick judges nobody before their messages were heard) {
  pass(2'800ms, 1);
  now += 500ms;
  CAF_CHECK(aut.tick(now).empty());
  aut.heard(nodes[0], now);
  CAF_CHECK(pass(2'900ms, 1).empty());
  CAF_CHECK_EQUAL(pass(100ms, 1).size(), 1u);
  // Who is silent is found by the next one.
  aut.forget("n0");
  pass(2'800ms, 2);
  now += 500ms;
  CAF_CHECK(aut.tick(now).empty());
  CAF_CHECK(pass(100ms, 2) == (keys{nodes[1]}));
}

CAF_TEST(a stall counts what was told anew as well) {
  pass(3s, 1);
  now += 10s;
  CAF_CHECK(aut.tick(now).empty());
  CAF_CHECK(pass(2'900ms, 1).empty());
  CAF_CHECK(pass(100ms, 1) == (keys{nodes[0]}));
}

CAF_TEST_FIXTURE_SCOPE_END()

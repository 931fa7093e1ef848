// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/lease_book.hpp"

#include <caf/test/unit_test.hpp>

#include <chrono>
#include <optional>
#include <vector>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

using expiries = std::vector<lease_book::expiry>;

struct fixture {
  fixture() {
    aut.tick(now);
  }

  /// Lets time pass in ticks that are on time.
  expiries pass(std::chrono::milliseconds pause) {
    expiries result;
    for (auto end = now + pause; now < end;) {
      now += 100ms;
      for (auto& x : aut.tick(now))
        result.push_back(x);
    }
    return result;
  }

  /// Lets time pass while the worker reports on time.
  expiries pass_reporting(std::chrono::milliseconds pause) {
    expiries result;
    for (auto end = now + pause; now < end;) {
      now += 100ms;
      aut.heard(n1, now);
      for (auto& x : aut.tick(now))
        result.push_back(x);
    }
    return result;
  }

  proto::Progress at_percent(double percent) {
    proto::Progress x;
    x.set_percent(percent);
    return x;
  }

  lease_book aut{lease_limits{10s, 100ms, 5s}};
  lease_book::time_point now{1'000h};
  worker_key n1{"n1", 7};
  worker_key n2{"n2", 7};
  attempt_key a{{1, 1, 1}, 1};
  attempt_key b{{1, 1, 2}, 1};
  clocks off;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(lease_book_tests, fixture)

CAF_TEST(silence ends a lease once) {
  aut.grant(a, n1, off, 0ms, now);
  CAF_CHECK(pass(9'900ms).empty());
  auto xs = pass(100ms);
  CAF_REQUIRE_EQUAL(xs.size(), 1u);
  CAF_CHECK(xs[0] == (lease_book::expiry{a, n1, proto::LEASE_EXPIRED, true}));
  CAF_CHECK(pass(100s).empty());
  CAF_CHECK(aut.find(a) && aut.find(a)->ended);
}

CAF_TEST(a report renews all that its node holds and nothing else) {
  aut.grant(a, n1, off, 0ms, now);
  aut.grant(b, n2, off, 0ms, now);
  pass(9s);
  aut.heard(n1, now);
  auto xs = pass(9'900ms);
  CAF_REQUIRE_EQUAL(xs.size(), 1u);
  CAF_CHECK(xs[0].key == b);
}

CAF_TEST(an older incarnation renews nothing) {
  aut.grant(a, n1, off, 0ms, now);
  pass(9s);
  aut.heard({"n1", 6}, now);
  CAF_CHECK_EQUAL(pass(1s).size(), 1u);
}

CAF_TEST(a lease starts in full on a node that was silent) {
  aut.grant(a, n1, off, 0ms, now);
  pass(8s);
  aut.grant(b, n1, off, 0ms, now);
  auto xs = pass(9'900ms);
  CAF_REQUIRE_EQUAL(xs.size(), 1u);
  CAF_CHECK(xs[0].key == a);
  CAF_CHECK_EQUAL(pass(100ms).size(), 1u);
}

CAF_TEST(a kind can be more patient with silence but not less) {
  aut.grant(a, n1, {0ms, 20s, 0ms}, 0ms, now);
  aut.grant(b, n1, {0ms, 1s, 0ms}, 0ms, now);
  CAF_CHECK(pass(9'900ms).empty());
  CAF_CHECK_EQUAL(pass(100ms).size(), 1u);
  CAF_CHECK(pass(9'900ms).empty());
  CAF_CHECK_EQUAL(pass(100ms).size(), 1u);
}

CAF_TEST(the total clock asks for a stop and then judges) {
  aut.grant(a, n1, {60s, 0ms, 0ms}, 30s, now);
  aut.started(a, 4711, now);
  CAF_CHECK(pass_reporting(29'900ms).empty());
  auto xs = pass_reporting(100ms);
  CAF_REQUIRE_EQUAL(xs.size(), 1u);
  CAF_CHECK(xs[0] == (lease_book::expiry{a, n1, proto::TOTAL_TIMEOUT, false}));
  CAF_CHECK(pass_reporting(4'900ms).empty());
  xs = pass_reporting(100ms);
  CAF_REQUIRE_EQUAL(xs.size(), 1u);
  CAF_CHECK(xs[0] == (lease_book::expiry{a, n1, proto::TOTAL_TIMEOUT, true}));
  CAF_CHECK(pass_reporting(100s).empty());
}

CAF_TEST(a worker that stops in time is not judged) {
  aut.grant(a, n1, {60s, 0ms, 0ms}, 1s, now);
  CAF_CHECK_EQUAL(pass_reporting(1s).size(), 1u);
  CAF_CHECK(aut.erase(a));
  CAF_CHECK(pass_reporting(100s).empty());
}

CAF_TEST(a total clock that ran out before ends with the next tick) {
  aut.grant(a, n1, {60s, 0ms, 0ms}, -5s, now);
  aut.grant(b, n1, off, -5s, now);
  auto xs = pass_reporting(100ms);
  CAF_REQUIRE_EQUAL(xs.size(), 1u);
  CAF_CHECK(xs[0].key == a);
}

CAF_TEST(progress that stands still stalls) {
  aut.grant(a, n1, {0ms, 0ms, 20s}, 0ms, now);
  pass_reporting(10s);
  CAF_CHECK(aut.progress(a, at_percent(1), now));
  pass_reporting(15s);
  auto same = at_percent(1);
  same.set_changed_ms(99);
  CAF_CHECK(!aut.progress(a, same, now));
  CAF_CHECK(pass_reporting(4'900ms).empty());
  auto xs = pass_reporting(100ms);
  CAF_REQUIRE_EQUAL(xs.size(), 1u);
  CAF_CHECK(xs[0].reason == proto::STALLED);
  CAF_CHECK(!xs[0].final);
}

CAF_TEST(a message or a stage that moves is progress) {
  aut.grant(a, n1, {0ms, 0ms, 20s}, 0ms, now);
  auto x = at_percent(0);
  CAF_CHECK(!aut.progress(a, x, now));
  x.set_message("indexing");
  CAF_CHECK(aut.progress(a, x, now));
  x.add_stages()->add_stages()->set_percent(1);
  CAF_CHECK(aut.progress(a, x, now));
  x.mutable_stages(0)->mutable_stages(0)->set_percent(2);
  CAF_CHECK(aut.progress(a, x, now));
  CAF_CHECK(!aut.progress(a, x, now));
  CAF_CHECK_EQUAL(aut.find(a)->progress.message(), "indexing");
}

CAF_TEST(a start is told once and counts as progress once) {
  aut.grant(a, n1, {0ms, 0ms, 20s}, 0ms, now);
  pass_reporting(10s);
  aut.started(a, 1, now);
  pass_reporting(10s);
  aut.started(a, 1, now);
  CAF_CHECK(pass_reporting(9'900ms).empty());
  CAF_CHECK_EQUAL(pass_reporting(100ms).size(), 1u);
}

CAF_TEST(a cancelled attempt is judged when the grace is over) {
  aut.grant(a, n1, off, 0ms, now);
  CAF_CHECK(aut.stopping(a, proto::CANCEL_REQUESTED, now));
  CAF_CHECK(!aut.stopping(a, proto::TOTAL_TIMEOUT, now));
  CAF_CHECK(!aut.stopping(b, proto::CANCEL_REQUESTED, now));
  CAF_CHECK(pass_reporting(4'900ms).empty());
  auto xs = pass_reporting(100ms);
  CAF_REQUIRE_EQUAL(xs.size(), 1u);
  CAF_CHECK(xs[0].reason == proto::CANCEL_REQUESTED && xs[0].final);
}

CAF_TEST(an observer that was stalled blames nobody) {
  aut.grant(a, n1, {60s, 0ms, 20s}, 60s, now);
  pass_reporting(5s);
  now += 24h;
  CAF_CHECK(aut.tick(now).empty());
  aut.heard(n1, now);
  // Only two intervals were counted.
  CAF_CHECK(pass_reporting(14'700ms).empty());
  auto xs = pass_reporting(100ms);
  CAF_REQUIRE_EQUAL(xs.size(), 1u);
  CAF_CHECK(xs[0].reason == proto::STALLED);
}

CAF_TEST(time that goes backwards changes nothing) {
  aut.grant(a, n1, off, 0ms, now);
  pass(5s);
  aut.tick(now - 1h);
  aut.heard(n1, now - 1h);
  CAF_CHECK(pass(9'900ms).empty());
  CAF_CHECK_EQUAL(pass(100ms).size(), 1u);
}

CAF_TEST(a dead node gives back what it held) {
  aut.grant(b, n1, off, 0ms, now);
  aut.grant(a, n1, off, 0ms, now);
  aut.grant({a.task, 2}, n2, off, 0ms, now);
  CAF_CHECK(aut.held_by(n1) == (std::vector{a, b}));
  CAF_CHECK_EQUAL(aut.count(n1), 2u);
  CAF_CHECK(aut.node_gone(n1) == (std::vector{a, b}));
  CAF_CHECK_EQUAL(aut.size(), 1u);
  CAF_CHECK_EQUAL(aut.count(n1), 0u);
  CAF_CHECK(aut.node_gone(n1).empty());
  CAF_CHECK(!aut.find(a));
}

CAF_TEST(a lease is overdue if its node reports but never that it started) {
  aut.grant(a, n1, off, 0ms, now);
  CAF_CHECK(pass(4'900ms).empty());
  aut.heard(n1, now);
  CAF_CHECK(!aut.overdue(a));
  pass(5s); // Silence tells nothing.
  CAF_CHECK(!aut.overdue(a));
  aut.heard(n1, now);
  CAF_CHECK(aut.overdue(a));
  aut.started(a, 1, now);
  CAF_CHECK(!aut.overdue(a));
  CAF_CHECK(!aut.overdue(b));
}

CAF_TEST(what is over for another reason is not judged) {
  aut.grant(a, n1, off, 0ms, now);
  pass_reporting(6s);
  CAF_CHECK(aut.overdue(a));
  aut.end(a);
  aut.end(b);
  CAF_CHECK(!aut.overdue(a));
  CAF_CHECK(pass(100s).empty());
  CAF_CHECK(!aut.stopping(a, proto::CANCEL_REQUESTED, now));
  CAF_CHECK_EQUAL(aut.count(n1), 1u);
  CAF_CHECK(aut.erase(a));
}

CAF_TEST(a lease of an earlier leader is known as such) {
  aut.adopt(a, n1, off, 0ms, now);
  CAF_CHECK(aut.find(a)->adopted);
  CAF_CHECK(!aut.find(a)->started);
  CAF_CHECK_EQUAL(pass(10s).size(), 1u);
  aut.grant(a, n1, off, 0ms, now);
  CAF_CHECK(!aut.find(a)->adopted);
}

CAF_TEST(a lease that is granted again is new) {
  aut.grant(a, n1, off, 0ms, now);
  aut.started(a, 1, now);
  pass(9s);
  aut.grant(a, n2, off, 0ms, now);
  CAF_CHECK_EQUAL(aut.count(n1), 0u);
  CAF_CHECK(!aut.find(a)->started);
  CAF_CHECK(pass(9'900ms).empty());
}

CAF_TEST(what is not watched is ignored) {
  aut.heard(n1, now);
  aut.started(a, 1, now);
  CAF_CHECK(!aut.progress(a, at_percent(1), now));
  CAF_CHECK(!aut.erase(a));
  CAF_CHECK(!aut.find(a));
  CAF_CHECK(pass(100s).empty());
}

CAF_TEST(the longest clocks do not overflow) {
  auto most = std::chrono::milliseconds::max();
  aut.grant(a, n1, {most, most, most}, most, now);
  CAF_CHECK(pass_reporting(100s).empty());
}

CAF_TEST_FIXTURE_SCOPE_END()

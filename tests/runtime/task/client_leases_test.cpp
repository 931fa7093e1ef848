// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/client_leases.hpp"

#include "runtime/task/lease_rules.hpp"

#include <caf/test/unit_test.hpp>

#include <string>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

const attempt_key a{{1, 1, 1}, 1};
const attempt_key b{{1, 1, 2}, 1};

struct fixture {
  /// Lets time pass with all ticks.
  std::vector<attempt_key> pass(std::chrono::milliseconds time) {
    std::vector<attempt_key> result;
    for (; time > 0ms; time -= 100ms) {
      now += 100ms;
      for (auto& key : book.expired(now))
        result.push_back(key);
    }
    return result;
  }

  void grant(const attempt_key& key) {
    CAF_CHECK(book.grant(key, 7, now));
  }

  client_leases book{1s, 100ms};
  client_leases::time_point now{};
};

proto::Progress percent(double x) {
  proto::Progress result;
  result.set_percent(x);
  return result;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(client_leases_tests, fixture)

CAF_TEST(each lease needs news of its own) {
  pass(100ms);
  grant(a);
  grant(b);
  for (auto i = 0; i < 3; ++i) {
    CAF_CHECK(pass(400ms).empty());
    book.heard(a, now);
    if (i == 0)
      book.heard(b, now);
  }
  auto silent = pass(500ms);
  CAF_REQUIRE_EQUAL(silent.size(), 1u);
  CAF_CHECK(silent[0] == b);
  CAF_CHECK(pass(300ms).empty());
}

CAF_TEST(an observer that was stalled blames nobody) {
  pass(100ms);
  grant(a);
  now += 1h;
  CAF_CHECK(book.expired(now).empty());
  CAF_CHECK(pass(500ms).empty());
}

CAF_TEST(what has ended is not silent and its first end counts) {
  grant(a);
  book.progress(a, percent(40), 9);
  book.finish(a, end_of_silence(a, "c"));
  book.finish(a, end_of_unwanted(a, "c"));
  CAF_CHECK(pass(3s).empty());
  CAF_CHECK(!book.is_live(a));
  auto* x = book.find(a);
  CAF_REQUIRE(x && x->end);
  CAF_CHECK_EQUAL(x->end->reason(), proto::LEASE_EXPIRED);
  CAF_CHECK_EQUAL(x->end->started_ms(), 7);
  CAF_CHECK_EQUAL(x->end->progress().percent(), 40);
  CAF_CHECK(!book.grant(a, 8, now));
  book.erase(a);
  CAF_CHECK_EQUAL(book.size(), 0u);
}

CAF_TEST(progress has the time when it changed) {
  grant(a);
  auto x = percent(10);
  x.set_changed_ms(1'000'000);
  book.progress(a, x, 5);
  book.progress(a, x, 6);
  CAF_CHECK_EQUAL(book.find(a)->progress.changed_ms(), 5);
  book.progress(a, {}, 7); // Only a sign of life.
  CAF_CHECK_EQUAL(book.find(a)->progress.percent(), 10);
  book.progress(a, percent(11), 8);
  CAF_CHECK_EQUAL(book.find(a)->progress.changed_ms(), 8);
  book.progress(b, percent(1), 8);
  CAF_CHECK(!book.find(b));
}

CAF_TEST(a stop may come before its lease and a cancel outdoes others) {
  book.stop(a, proto::STALLED);
  grant(a);
  CAF_CHECK(book.find(a)->stop == proto::STALLED);
  book.stop(a, proto::CANCEL_REQUESTED);
  book.stop(a, proto::TOTAL_TIMEOUT);
  CAF_CHECK(book.find(a)->stop == proto::CANCEL_REQUESTED);
}

CAF_TEST(what was refused comes to nobody) {
  book.refuse(a);
  CAF_CHECK(!book.grant(a, 7, now));
  grant(b);
  book.refuse(b);
  CAF_CHECK(!book.find(b));
}

CAF_TEST(what nobody waits for is given back) {
  book.give_back(a, end_of_unwanted(a, "c"));
  CAF_REQUIRE(book.find(a));
  CAF_CHECK(book.find(a)->end->reason() == proto::REFUSED_BY_NODE);
  book.refuse(b);
  book.give_back(b, end_of_unwanted(b, "c"));
  CAF_CHECK(!book.find(b));
}

CAF_TEST(a request gets the same leases again) {
  CAF_CHECK(!book.recall("r"));
  grant(a);
  grant(b);
  book.remember("r", {a, b}, now);
  CAF_CHECK_EQUAL(book.recall("r")->size(), 2u);
  book.finish(a, end_of_silence(a, "c"));
  CAF_CHECK_EQUAL(book.recall("r")->size(), 1u);
  book.erase(a);
  book.erase(b);
  // None, and not others.
  CAF_REQUIRE(book.recall("r"));
  CAF_CHECK(book.recall("r")->empty());
  pass(1s);
  now += 10min;
  book.expired(now);
  CAF_CHECK(!book.recall("r"));
}

CAF_TEST(requests without an id are not remembered and others not for ever) {
  grant(a);
  book.remember("", {a}, now);
  CAF_CHECK(!book.recall(""));
  for (auto i = 0; i < 1'500; ++i)
    book.remember(std::to_string(i), {a}, now);
  CAF_CHECK(!book.recall("0"));
  CAF_CHECK(book.recall("1499"));
}

CAF_TEST_FIXTURE_SCOPE_END()

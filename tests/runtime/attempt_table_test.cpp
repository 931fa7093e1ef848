// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/attempt_table.hpp"

#include "tests/support/seeds.hpp"

#include <caf/test/dsl.hpp>

#include <map>
#include <random>
#include <set>
#include <string>

using namespace coppice;

namespace {

using verdict = attempt_table::verdict;

attempt_key key(uint64_t sequence, uint32_t attempt = 1) {
  return {{1, 1, sequence}, attempt};
}

proto::FinishCommand::Item done() {
  proto::FinishCommand::Item x;
  x.set_outcome(proto::SUCCEEDED);
  return x;
}

struct fixture {
  proto::Report report() {
    proto::Report x;
    x.set_number(++number);
    aut.fill(x);
    return x;
  }

  /// What a hello would say.
  std::set<attempt_key> held() {
    proto::Hello x;
    aut.fill(x);
    std::set<attempt_key> result;
    for (auto& ref : x.holds())
      result.insert(to_attempt_key(ref));
    return result;
  }

  attempt_table aut;
  uint64_t number = 0;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(attempt_table_tests, fixture)

CAF_TEST(an attempt is admitted once) {
  CAF_CHECK(aut.admit(key(1)) == verdict::admitted);
  CAF_CHECK(aut.admit(key(1)) == verdict::repeated);
  CAF_CHECK(aut.admit(key(1, 2)) == verdict::admitted);
  CAF_CHECK(held() == std::set({key(1), key(1, 2)}));
}

CAF_TEST(a refused attempt is forgotten and never admitted) {
  aut.admit(key(1));
  aut.started(key(1), 5);
  aut.refuse(key(1));
  aut.refuse(key(2));
  CAF_CHECK(held().empty());
  CAF_CHECK(!aut.urgent());
  CAF_CHECK_EQUAL(report().attempts_size(), 0);
  CAF_CHECK(aut.admit(key(1)) == verdict::refused);
  CAF_CHECK(aut.admit(key(2)) == verdict::refused);
  CAF_CHECK(!aut.finish(key(1), done()));
}

CAF_TEST(the memory of refused attempts is bounded) {
  for (uint64_t i = 0; i <= attempt_table::max_refused; ++i)
    aut.refuse(key(i));
  CAF_CHECK(aut.admit(key(attempt_table::max_refused)) == verdict::refused);
  CAF_CHECK(aut.admit(key(0)) == verdict::admitted);
}

CAF_TEST(a start is told once and its time with each report) {
  aut.admit(key(1));
  CAF_CHECK(!aut.news());
  aut.started(key(1), 1'000);
  CAF_CHECK(aut.urgent());
  auto first = report();
  CAF_REQUIRE_EQUAL(first.attempts_size(), 1);
  CAF_CHECK_EQUAL(first.attempts(0).started_ms(), 1'000);
  CAF_CHECK(!aut.news());
  proto::Progress progress;
  progress.set_changed_ms(1'500);
  progress.set_percent(30);
  aut.progress(key(1), progress);
  CAF_CHECK(aut.news());
  CAF_CHECK(!aut.urgent());
  auto second = report();
  CAF_CHECK_EQUAL(second.attempts(0).started_ms(), 1'000);
  CAF_CHECK_EQUAL(second.attempts(0).progress().percent(), 30);
}

CAF_TEST(a finish tells the start and the last progress) {
  aut.admit(key(1));
  aut.started(key(1), 1'000);
  proto::Progress progress;
  progress.set_changed_ms(1'500);
  aut.progress(key(1), progress);
  CAF_CHECK(aut.finish(key(1), done()));
  CAF_CHECK(!aut.finish(key(1), done()));
  auto x = report();
  CAF_CHECK_EQUAL(x.attempts_size(), 0);
  CAF_REQUIRE_EQUAL(x.finishes_size(), 1);
  CAF_CHECK_EQUAL(x.finishes(0).started_ms(), 1'000);
  CAF_CHECK_EQUAL(x.finishes(0).progress().changed_ms(), 1'500);
  CAF_CHECK_EQUAL(x.finishes(0).id().sequence(), 1u);
  CAF_CHECK_EQUAL(x.finishes(0).attempt(), 1u);
}

CAF_TEST(a finish is kept until its own report is acknowledged) {
  aut.admit(key(1));
  aut.admit(key(2));
  aut.finish(key(1), done());
  auto first = report();
  aut.finish(key(2), done());
  auto second = report();
  CAF_CHECK_EQUAL(second.finishes_size(), 1);
  CAF_CHECK(aut.acknowledged(second.number()) == std::vector{key(2)});
  CAF_CHECK(held() == std::set{key(1)});
  CAF_CHECK(aut.acknowledged(second.number()).empty());
  CAF_CHECK(aut.acknowledged(first.number()) == std::vector{key(1)});
  CAF_CHECK(held().empty());
}

CAF_TEST(all that is not acknowledged is news again on a new connection) {
  aut.admit(key(1));
  aut.admit(key(2));
  aut.admit(key(3));
  aut.started(key(1), 10);
  aut.finish(key(2), done());
  report();
  aut.connection_lost();
  CAF_CHECK(aut.urgent());
  auto again = report();
  CAF_CHECK_EQUAL(again.attempts_size(), 1);
  CAF_CHECK_EQUAL(again.finishes_size(), 1);
  // The number of a report of the old connection means nothing any more.
  CAF_CHECK(aut.acknowledged(1).empty());
  CAF_CHECK(aut.acknowledged(2) == std::vector{key(2)});
}

CAF_TEST(what is not acknowledged is known in order) {
  for (auto sequence : {3, 1, 2}) {
    aut.admit(key(static_cast<uint64_t>(sequence)));
    aut.finish(key(static_cast<uint64_t>(sequence)), done());
  }
  aut.admit(key(4));
  auto open = aut.unacknowledged();
  CAF_REQUIRE_EQUAL(open.size(), 3u);
  CAF_CHECK_EQUAL(open[0].id().sequence(), 1u);
  CAF_CHECK_EQUAL(open[2].id().sequence(), 3u);
  proto::Report report;
  report.set_number(1);
  aut.fill(report);
  CAF_CHECK_EQUAL(aut.unacknowledged().size(), 3u);
  aut.acknowledged(1);
  CAF_CHECK(aut.unacknowledged().empty());
}

CAF_TEST(a stop that comes first waits for its attempt) {
  CAF_CHECK(aut.stop_early(key(1), proto::CANCEL_REQUESTED));
  CAF_CHECK(aut.admit(key(1)) == verdict::stopped);
  CAF_CHECK(aut.early_stop(key(1)) == proto::CANCEL_REQUESTED);
  CAF_CHECK(!aut.stop_early(key(1), proto::STALLED));
  aut.refuse(key(2));
  CAF_CHECK(!aut.stop_early(key(2), proto::STALLED));
}

CAF_TEST(what is rejected is reported unless it is held) {
  aut.reject(key(1), done());
  aut.admit(key(2));
  aut.reject(key(2), done());
  CAF_CHECK_EQUAL(report().finishes_size(), 1);
  CAF_CHECK(aut.runs(key(2)));
}

CAF_TEST(reports have a limited size) {
  std::string large(16 << 10, 'x');
  for (uint64_t i = 0; i < 64; ++i) {
    aut.admit(key(i));
    auto x = done();
    x.set_result(large);
    aut.finish(key(i), std::move(x));
  }
  auto told = 0;
  while (aut.news()) {
    auto x = report();
    told += x.finishes_size();
    CAF_CHECK(x.ByteSizeLong() < 256u << 10);
  }
  CAF_CHECK_EQUAL(told, 64);
}

CAF_TEST(every finish is acknowledged once whatever gets lost) {
  for (auto seed : test::seeds(300)) { // COPPICE_SEED=<n> replays one
    CAF_MESSAGE("seed " << seed);
    std::minstd_rand rng{seed};
    attempt_table x;
    std::map<uint64_t, std::set<attempt_key>> flying;
    std::multiset<attempt_key> acknowledged;
    std::set<attempt_key> running;
    uint64_t next = 0;
    uint64_t sent = 0;
    for (auto step = 0; step < 400 || x.running() + x.finished() > 0; ++step) {
      switch (rng() % 5) {
        case 0:
          if (step < 400 && x.admit(key(++next)) == verdict::admitted)
            running.insert(key(next));
          break;
        case 1:
          if (!running.empty()) {
            CAF_REQUIRE(x.finish(*running.begin(), done()));
            running.erase(running.begin());
          }
          break;
        case 2: {
          proto::Report report;
          report.set_number(++sent);
          x.fill(report);
          for (auto& it : report.finishes())
            flying[sent].insert(to_attempt_key(it.id(), it.attempt()));
          break;
        }
        case 3:
          if (!flying.empty()) {
            auto i = flying.begin();
            std::advance(i, rng() % flying.size());
            for (auto& k : x.acknowledged(i->first))
              acknowledged.insert(k);
            flying.erase(i);
          }
          break;
        default:
          if (rng() % 8 == 0) {
            x.connection_lost();
            flying.clear();
          }
      }
    }
    CAF_REQUIRE_EQUAL(acknowledged.size(), next);
    for (uint64_t i = 1; i <= next; ++i)
      CAF_REQUIRE_EQUAL(acknowledged.count(key(i)), 1u);
  }
}

CAF_TEST_FIXTURE_SCOPE_END()

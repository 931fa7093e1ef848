// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/quarantine.hpp"

#include <caf/test/unit_test.hpp>

#include <chrono>
#include <string>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

using standing = quarantine::standing;

struct fixture {
  bool fail(uint64_t task, std::string node = "n1",
            std::chrono::milliseconds ran_for = 100ms) {
    return aut.failed({std::move(node), {1, 1, task}, ran_for, "exit code 127"},
                      10, now);
  }

  void close() {
    for (uint64_t task = 1; task < 5; ++task)
      CAF_CHECK(!fail(task));
    CAF_CHECK(fail(5));
  }

  standing judge() {
    return aut.judge("n1", now);
  }

  quarantine aut{quarantine_limits{5s, 5, 30s, 100s, 30}};
  quarantine::time_point now{1'000h};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(quarantine_tests, fixture)

CAF_TEST(different tasks that fail fast one after the other close a node) {
  close();
  CAF_CHECK(judge() == standing::closed);
  CAF_CHECK(aut.judge("n2", now) == standing::open);
  CAF_CHECK_EQUAL(aut.size(), 1u);
  CAF_CHECK(aut.until("n1") == now + 30s);
}

CAF_TEST(one task that fails again and again does not ) {
  for (auto i = 0; i < 100; ++i)
    CAF_CHECK(!fail(1));
  CAF_CHECK(judge() == standing::open);
}

CAF_TEST(what fails late does not count) {
  for (uint64_t task = 1; task < 100; ++task)
    CAF_CHECK(!fail(task, "n1", 5'001ms));
  CAF_CHECK(judge() == standing::open);
}

CAF_TEST(a success between wipes the slate) {
  for (uint64_t task = 1; task < 5; ++task)
    fail(task);
  CAF_CHECK(!aut.succeeded("n1"));
  for (uint64_t task = 5; task < 9; ++task)
    CAF_CHECK(!fail(task));
  CAF_CHECK(fail(9));
}

CAF_TEST(a trial that succeeds releases) {
  close();
  now += 30s;
  CAF_CHECK(judge() == standing::trial_due);
  aut.begin_trial("n1", {1, 1, 50});
  CAF_CHECK(judge() == standing::on_trial);
  CAF_CHECK(!aut.until("n1"));
  CAF_CHECK(aut.succeeded("n1"));
  CAF_CHECK(judge() == standing::open);
  CAF_CHECK_EQUAL(aut.size(), 0u);
  CAF_CHECK(aut.explain("n1", now).empty());
}

CAF_TEST(a trial that fails fast doubles the pause up to a limit) {
  close();
  for (auto pause : {30s, 60s, 100s, 100s}) {
    now += pause - 1s;
    CAF_CHECK(judge() == standing::closed);
    now += 1s;
    CAF_CHECK(judge() == standing::trial_due);
    aut.begin_trial("n1", {1, 1, 50});
    CAF_CHECK(!fail(50));
  }
  CAF_CHECK(judge() == standing::closed);
}

CAF_TEST(a trial that proves nothing is followed by another one) {
  close();
  now += 30s;
  aut.begin_trial("n1", {1, 1, 50});
  aut.ended("n1", {1, 1, 49});
  CAF_CHECK(judge() == standing::on_trial);
  aut.ended("n1", {1, 1, 50});
  CAF_CHECK(judge() == standing::trial_due);
  aut.begin_trial("n1", {1, 1, 51});
  fail(51, "n1", 60s);
  CAF_CHECK(judge() == standing::trial_due);
}

CAF_TEST(what was begun before the quarantine does not prolong it) {
  close();
  CAF_CHECK(!fail(6));
  CAF_CHECK(!fail(7));
  CAF_CHECK(aut.until("n1") == now + 30s);
}

CAF_TEST(without a number of failures nothing is quarantined) {
  aut = quarantine{quarantine_limits{5s, 0, 30s, 100s, 30}};
  for (uint64_t task = 1; task < 100; ++task)
    CAF_CHECK(!fail(task));
  CAF_CHECK(judge() == standing::open);
}

CAF_TEST(people can release a node) {
  CAF_CHECK(!aut.release("n1"));
  close();
  CAF_CHECK(aut.release("n1"));
  CAF_CHECK(judge() == standing::open);
  CAF_CHECK(!fail(10));
}

CAF_TEST(a task that fails fast on two nodes is to blame itself) {
  for (uint64_t task = 1; task < 5; ++task)
    fail(task);
  CAF_CHECK(!fail(4, "n2"));
  CAF_CHECK(!fail(5));
  CAF_CHECK(fail(6));
  // Even when it turns out later.
  CAF_CHECK(!fail(6, "n2"));
  CAF_CHECK(judge() == standing::open);
}

CAF_TEST(never more than a share of the workers are quarantined) {
  uint64_t task = 0;
  auto close = [&](const std::string& node, size_t workers) {
    auto result = false;
    for (auto i = 0; i < 5; ++i)
      result = aut.failed({node, {1, 1, ++task}, 0ms, "why"}, workers, now)
               || result;
    return result;
  };
  CAF_CHECK(!close("n1", 1));
  CAF_CHECK_EQUAL(aut.explain("n1", now).size(), 2u);
  CAF_CHECK(close("n1", 2));
  CAF_CHECK(!close("n2", 6));
  CAF_CHECK(close("n2", 7));
  CAF_CHECK(!close("n3", 7));
  CAF_CHECK_EQUAL(aut.size(), 2u);
}

CAF_TEST(people are told why) {
  fail(1);
  CAF_CHECK(aut.explain("n1", now).empty());
  close();
  now += 10s;
  auto lines = aut.explain("n1", now);
  CAF_REQUIRE_EQUAL(lines.size(), 3u);
  CAF_CHECK_EQUAL(lines[0],
                  "n1 is quarantined: 5 different tasks failed on it within 5s "
                  "of their start, one after the other, with no success "
                  "between; the last one: exit code 127.");
  CAF_CHECK_EQUAL(lines[1], "It gets one attempt as a trial in 20s.");
  CAF_CHECK_EQUAL(lines[2], "A success or \"coppice release n1\" releases it.");
  now += 20s;
  lines = aut.explain("n1", now);
  CAF_CHECK_EQUAL(lines[1], "It gets one attempt as a trial.");
}

CAF_TEST_FIXTURE_SCOPE_END()

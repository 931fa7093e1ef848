// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/supervise/restart_policy.hpp"

#include "tests/support/seeds.hpp"

#include <caf/test/dsl.hpp>

#include <algorithm>
#include <random>
#include <set>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

using names = std::vector<std::string>;

using enum restart_kind;
using enum restart_strategy;

restart_policy make(restart_strategy how, restart_kind second = permanent) {
  restart_policy x{{how, 2, 10s}};
  x.add({"a"});
  x.add({"b", second});
  x.add({"c"});
  return x;
}

restart_policy::time_point at(std::chrono::milliseconds x) {
  return restart_policy::time_point{} + x;
}

supervision_decision stop_start(names stop, names start) {
  return {false, std::move(stop), std::move(start)};
}

} // namespace

CAF_TEST(one_for_one starts only the child that failed) {
  auto x = make(one_for_one);
  CAF_CHECK(x.ended("b", child_end::failure, at(0s)) == stop_start({}, {"b"}));
}

CAF_TEST(one_for_all stops the others in reverse order and starts all) {
  auto x = make(one_for_all);
  CAF_CHECK(x.ended("b", child_end::failure, at(0s))
            == stop_start({"c", "a"}, {"a", "b", "c"}));
}

CAF_TEST(rest_for_one restarts the child that failed and those behind it) {
  auto x = make(rest_for_one);
  CAF_CHECK(x.ended("b", child_end::failure, at(0s))
            == stop_start({"c"}, {"b", "c"}));
  CAF_CHECK(x.ended("c", child_end::failure, at(1s)) == stop_start({}, {"c"}));
}

CAF_TEST(a permanent child is started again also when it was done) {
  auto x = make(one_for_one);
  CAF_CHECK(x.ended("b", child_end::normal, at(0s)) == stop_start({}, {"b"}));
}

CAF_TEST(a transient child is started again only after a failure) {
  auto x = make(one_for_one, transient);
  CAF_CHECK(x.ended("b", child_end::normal, at(0s)) == stop_start({}, {}));
  CAF_CHECK_EQUAL(x.recent(), 0u);
  CAF_CHECK(x.ended("b", child_end::failure, at(0s)) == stop_start({}, {"b"}));
}

CAF_TEST(a temporary child is never started again and then forgotten) {
  auto x = make(one_for_all, temporary);
  CAF_CHECK(x.ended("b", child_end::failure, at(0s)) == stop_start({}, {}));
  CAF_CHECK((x.stop_order() == names{"c", "a"}));
}

CAF_TEST(a temporary child is stopped with its siblings and not started) {
  auto x = make(one_for_all, temporary);
  CAF_CHECK(x.ended("a", child_end::failure, at(0s))
            == stop_start({"c", "b"}, {"a", "c"}));
  CAF_CHECK((x.stop_order() == names{"c", "a"}));
}

CAF_TEST(one restart too many within the period is the end) {
  auto x = make(one_for_one);
  CAF_CHECK(!x.ended("a", child_end::failure, at(0s)).give_up);
  CAF_CHECK(!x.ended("b", child_end::failure, at(1s)).give_up);
  auto last = x.ended("b", child_end::failure, at(2s));
  CAF_CHECK(last.give_up);
  CAF_CHECK((last.stop == names{"c", "a"}));
  CAF_CHECK(last.start.empty());
}

CAF_TEST(restarts before the period do not count) {
  auto x = make(one_for_one);
  for (auto i = 0; i < 100; ++i)
    CAF_CHECK(!x.ended("a", child_end::failure, at(i * 6s)).give_up);
}

CAF_TEST(a supervisor with intensity 0 bears nothing) {
  restart_policy x{{one_for_all, 0, 10s}};
  x.add({"a"});
  CAF_CHECK(x.ended("a", child_end::normal, at(0s)).give_up);
}

CAF_TEST(the end of an unknown child leads to nothing) {
  auto x = make(one_for_all);
  CAF_CHECK(x.ended("d", child_end::failure, at(0s)) == stop_start({}, {}));
  x.remove("b");
  CAF_CHECK(x.ended("b", child_end::failure, at(0s)) == stop_start({}, {}));
}

CAF_TEST(two children cannot have the same name) {
  auto x = make(one_for_all);
  CAF_CHECK(!x.add({"a"}));
}

// For any children and any ends: what is stopped and started follows from the
// order of the children, each at most once, and never more restarts are borne
// within the period than the intensity says.
CAF_TEST(a policy keeps its rules through any series of ends) {
  for (auto seed : test::seeds(200)) {
    std::mt19937 rng{static_cast<uint32_t>(seed)};
    auto pick = [&](int n) { return static_cast<int>(rng() % unsigned(n)); };
    supervision_limits limits{restart_strategy{pick(3)}, size_t(pick(5)),
                              1s * (1 + pick(20))};
    restart_policy x{limits};
    names known;
    std::set<std::string> gone;
    std::set<std::string> mortal;
    for (auto i = 0; i < 1 + pick(6); ++i) {
      known.push_back("c" + std::to_string(i));
      auto kind = restart_kind{pick(3)};
      if (kind == temporary)
        mortal.insert(known.back());
      x.add({known.back(), kind});
    }
    auto place = [&](const std::string& name) {
      return std::find(known.begin(), known.end(), name) - known.begin();
    };
    auto up = [&](auto& l, auto& r) { return place(l) < place(r); };
    std::vector<restart_policy::time_point> borne;
    auto now = at(0s);
    for (auto i = 0; i < 100; ++i) {
      now += std::chrono::milliseconds{pick(4'000)};
      auto name = known[static_cast<size_t>(pick(int(known.size())))];
      auto how = pick(2) == 0 ? child_end::normal : child_end::failure;
      auto was_gone = gone.contains(name);
      auto out = x.ended(name, how, now);
      CAF_CHECK(std::is_sorted(out.stop.rbegin(), out.stop.rend(), up));
      CAF_CHECK(std::is_sorted(out.start.begin(), out.start.end(), up));
      std::set<std::string> once{out.stop.begin(), out.stop.end()};
      CAF_CHECK_EQUAL(once.size(), out.stop.size());
      CAF_CHECK(!once.contains(name));
      for (auto& y : out.start)
        CAF_CHECK(!mortal.contains(y));
      if (was_gone)
        CAF_CHECK(out == supervision_decision{});
      if (out.give_up) {
        auto count = std::count_if(borne.begin(), borne.end(), [&](auto t) {
          return now - t <= limits.period;
        });
        CAF_CHECK_EQUAL(static_cast<size_t>(count), limits.intensity);
        break;
      }
      if (mortal.contains(name))
        gone.insert(name);
      if (!out.start.empty()) {
        borne.push_back(now);
        CAF_CHECK(std::find(out.start.begin(), out.start.end(), name)
                  != out.start.end());
        // Whoever was stopped and is not mortal is started again.
        for (auto& y : out.stop) {
          auto again = std::find(out.start.begin(), out.start.end(), y)
                       != out.start.end();
          CAF_CHECK_EQUAL(again, !mortal.contains(y));
          if (mortal.contains(y))
            gone.insert(y);
        }
      }
      CAF_CHECK_LESS_OR_EQUAL(x.recent(), limits.intensity);
    }
  }
}

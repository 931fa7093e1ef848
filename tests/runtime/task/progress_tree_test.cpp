// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/progress_tree.hpp"

#include "runtime/utf8.hpp"
#include "tests/support/seeds.hpp"

#include <caf/test/unit_test.hpp>

#include <cmath>
#include <limits>
#include <random>
#include <string>

using namespace coppice;

namespace {

constexpr auto nan_v = std::numeric_limits<double>::quiet_NaN();
constexpr auto infinity = std::numeric_limits<double>::infinity();

struct fixture {
  progress_tree aut;

  bool stage(std::string_view path, double percent,
             std::optional<double> weight = {}) {
    auto x = aut.set_stage(path, weight, percent);
    CAF_REQUIRE(x);
    return x.value();
  }

  bool refused(std::string_view path, std::optional<double> weight = {}) {
    auto before = aut.to_proto(0).SerializeAsString();
    auto x = aut.set_stage(path, weight, 50);
    CAF_CHECK_EQUAL(aut.to_proto(0).SerializeAsString(), before);
    return !x && x.error().code == ec::invalid_argument;
  }
};

bool is_percent(double x) {
  return x >= 0 && x <= 100;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(progress_tree_tests, fixture)

CAF_TEST(without stages the percentage is what was set) {
  CAF_CHECK_EQUAL(aut.percent(), 0.0);
  CAF_CHECK(aut.set_percent(40));
  CAF_CHECK(!aut.set_percent(40));
  CAF_CHECK_EQUAL(aut.percent(), 40.0);
}

CAF_TEST(percentages are cut and what is no number is ignored) {
  aut.set_percent(101);
  CAF_CHECK_EQUAL(aut.percent(), 100.0);
  CAF_CHECK(!aut.set_percent(infinity));
  CAF_CHECK(!aut.set_percent(nan_v));
  CAF_CHECK_EQUAL(aut.percent(), 100.0);
  aut.set_percent(-infinity);
  CAF_CHECK_EQUAL(aut.percent(), 0.0);
  stage("a", 30);
  stage("a", nan_v);
  CAF_CHECK_EQUAL(aut.percent(), 30.0);
}

CAF_TEST(stages are summed by their weights) {
  aut.set_percent(99);
  CAF_CHECK(stage("scan", 100));
  CAF_CHECK_EQUAL(aut.percent(), 100.0);
  CAF_CHECK(stage("copy", 0, 3));
  CAF_CHECK_EQUAL(aut.percent(), 25.0);
  CAF_CHECK(stage("copy", 50));
  CAF_CHECK(!stage("copy", 50));
  CAF_CHECK_EQUAL(aut.percent(), 62.5);
  CAF_CHECK(stage("copy", 50, 1));
  CAF_CHECK_EQUAL(aut.percent(), 75.0);
}

CAF_TEST(stages below a stage are rolled up into it) {
  stage("scan", 0);
  stage("copy", 77);
  stage("copy/p1", 100);
  stage("copy/p2", 0);
  CAF_CHECK_EQUAL(aut.percent(), 25.0);
  auto x = aut.to_proto(1);
  CAF_REQUIRE_EQUAL(x.stages_size(), 2);
  CAF_CHECK_EQUAL(x.stages(1).percent(), 50.0);
  CAF_CHECK_EQUAL(x.stages(1).stages(0).name(), "p1");
  CAF_CHECK_EQUAL(x.changed_ms(), 1);
}

CAF_TEST(a path that is not one changes nothing) {
  stage("a/b", 10);
  auto depth = std::string{"1/2/3/4/5/6/7/8"};
  for (auto path : {"", "/", "a/", "/a", "a//b", "a/\xFF", "a/b\n", "\x7F"})
    CAF_CHECK(refused(path));
  CAF_CHECK(refused(depth + "/9"));
  CAF_CHECK(refused(std::string(129, 'n')));
  for (auto weight : {0.0, -1.0, nan_v, infinity, 1.1e9})
    CAF_CHECK(refused("a/b", weight));
  CAF_CHECK(stage(depth, 1));
  CAF_CHECK(stage(std::string(128, 'n'), 1, 1e9));
}

CAF_TEST(there are at most 1000 stages) {
  for (auto i = 0; i < 499; ++i)
    stage("s" + std::to_string(i) + "/x", 1);
  stage("last", 1);
  CAF_CHECK(refused("two/more"));
  CAF_CHECK(stage("more", 1));
  CAF_CHECK(refused("evenmore"));
  CAF_CHECK(stage("s1/x", 2));
}

CAF_TEST(messages are cut to whole characters and made printable) {
  CAF_CHECK(aut.set_message("40 of 100"));
  CAF_CHECK(!aut.set_message("40 of 100"));
  aut.set_message("a\xFF\x1B[2J\n");
  CAF_CHECK_EQUAL(aut.message(), "a\xEF\xBF\xBD [2J ");
  for (size_t size = 1'018; size <= 1'024; ++size) {
    aut.set_message(std::string(size, 'x')
                    + "\xF0\x9F\x98\x80\xF0\x9F\x98\x80");
    auto kept = aut.message().size();
    CAF_CHECK_EQUAL(kept, size + (1'024 - size) / 4 * 4);
    CAF_CHECK(is_valid_utf8(aut.message()));
    CAF_CHECK(aut.message().find("\xEF\xBF\xBD") == std::string::npos);
  }
}

CAF_TEST(a tree survives being sent) {
  stage("scan", 100, 2);
  stage("copy/p1", 12.5, 3);
  stage("copy/p2", 1.0 / 3);
  aut.set_message("copying");
  auto sent = aut.to_proto(7);
  progress_tree back{sent};
  CAF_CHECK_EQUAL(back.to_proto(7).SerializeAsString(),
                  sent.SerializeAsString());
  auto changed = back.set_stage("copy/p1", {}, 13);
  CAF_CHECK(changed && changed.value());
}

CAF_TEST(wild messages of peers are tamed) {
  proto::Progress wild;
  wild.set_percent(nan_v);
  auto* x = wild.add_stages();
  x->set_name("a");
  x->set_percent(infinity);
  x->set_weight(-infinity);
  for (auto name : {"a", "", "b/c", "\xFF"})
    wild.add_stages()->set_name(name);
  for (auto i = 0; i < 100; ++i) {
    x = x->add_stages();
    x->set_name("deep");
    x->set_percent(50);
  }
  progress_tree tame{wild};
  auto said = tame.to_proto(0);
  CAF_CHECK_EQUAL(said.stages_size(), 1);
  CAF_CHECK_EQUAL(tame.percent(), 50.0);
  proto::Progress many;
  for (auto i = 0; i < 3'000; ++i)
    many.add_stages()->set_name(std::to_string(i));
  auto kept = progress_tree{many}.to_proto(0);
  CAF_CHECK_EQUAL(kept.stages_size(), 1'000);
}

CAF_TEST(the whole stays between its parts) {
  for (auto seed : test::seeds(500)) { // COPPICE_SEED=<n> replays one.
    std::mt19937_64 rng{seed};
    progress_tree tree;
    for (auto n = 0; n < 60; ++n) {
      std::string path;
      for (auto depth = 1 + rng() % 4; depth > 0; --depth)
        path += std::string(path.empty() ? "" : "/")
                + static_cast<char>('a' + rng() % 3);
      auto pick = [&](std::initializer_list<double> xs) {
        return *(xs.begin() + rng() % xs.size());
      };
      auto percent = pick({0, 1e-300, 33.3, 100, 1e300, -5, nan_v, infinity});
      auto weight = pick({1, 5e-324, 1e-300, 3, 1e9, 0, nan_v, infinity});
      (void)tree.set_stage(path, weight, percent);
      auto said = tree.to_proto(0);
      auto low = 100.0;
      auto high = said.stages().empty() ? 100.0 : 0.0;
      for (auto& x : said.stages()) {
        low = std::min(low, x.percent());
        high = std::max(high, x.percent());
      }
      low = said.stages().empty() ? 0.0 : low;
      // Rounding of the smallest weights aside.
      if (!is_percent(tree.percent()) || tree.percent() > high + 1
          || tree.percent() < low - 1)
        CAF_FAIL("seed " << seed << ": " << tree.percent());
    }
  }
}

CAF_TEST_FIXTURE_SCOPE_END()

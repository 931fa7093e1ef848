// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/progress_tree.hpp"
#include "runtime/utf8.hpp"
#include "tests/support/seeds.hpp"

#include <caf/test/unit_test.hpp>

#include <random>
#include <string>
#include <string_view>
#include <variant>

using namespace coppice;
using namespace std::string_view_literals;

namespace {

struct fixture {
  progress_tree tree;

  progress_event apply(std::string_view line) {
    auto x = apply_progress_line(tree, line);
    if (!x)
      CAF_FAIL(to_string(x.error()));
    return x.value();
  }

  bool changes(std::string_view line) {
    return std::holds_alternative<progress_changed>(apply(line));
  }

  bool nothing(std::string_view line) {
    return std::holds_alternative<std::monostate>(apply(line));
  }

  /// Returns the error that *line* leads to, which changes nothing.
  std::string error_of(std::string_view line) {
    auto before = tree.to_proto(0).SerializeAsString();
    auto x = apply_progress_line(tree, line);
    CAF_CHECK_EQUAL(tree.to_proto(0).SerializeAsString(), before);
    if (x)
      CAF_FAIL("accepted: " << line);
    CAF_CHECK(x.error().code == ec::invalid_argument);
    CAF_CHECK(is_valid_utf8(x.error().message));
    return x.error().message;
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(progress_line_tests, fixture)

CAF_TEST(progress sets the percentage and perhaps the message) {
  CAF_CHECK(changes("progress 40 indexing 7 of 10\n"));
  CAF_CHECK_EQUAL(tree.percent(), 40.0);
  CAF_CHECK_EQUAL(tree.message(), "indexing 7 of 10");
  CAF_CHECK(changes("progress 40.5%\r\n"));
  CAF_CHECK_EQUAL(tree.percent(), 40.5);
  CAF_CHECK_EQUAL(tree.message(), "indexing 7 of 10");
  CAF_CHECK(nothing("progress 40.5"));
  CAF_CHECK(changes("progress 101"));
  CAF_CHECK_EQUAL(tree.percent(), 100.0);
  CAF_CHECK(changes("progress -1"));
  CAF_CHECK_EQUAL(tree.percent(), 0.0);
}

CAF_TEST(stage sets a stage and perhaps its weight) {
  CAF_CHECK(changes("stage scan 100"));
  CAF_CHECK(changes("stage copy/p1 weight=3 50% part 1 of 2"));
  CAF_CHECK_EQUAL(tree.percent(), 75.0);
  CAF_CHECK_EQUAL(tree.message(), "part 1 of 2");
  CAF_CHECK(changes("stage copy weight=3 0"));
  CAF_CHECK_EQUAL(tree.percent(), 62.5);
  CAF_CHECK(nothing("stage copy/p1 50"));
}

CAF_TEST(words are separated by blanks and a text keeps its own) {
  CAF_CHECK(changes("\tprogress \t 40  two  blanks"));
  CAF_CHECK_EQUAL(tree.message(), " two  blanks");
  CAF_CHECK(changes("stage   weight=1   weight=2   7   weight=3"));
  auto x = tree.to_proto(0);
  CAF_CHECK_EQUAL(x.stages(0).name(), "weight=1");
  CAF_CHECK_EQUAL(x.stages(0).weight(), 2.0);
  CAF_CHECK_EQUAL(x.message(), "  weight=3");
}

CAF_TEST(message checkpoint and result take the rest of the line) {
  CAF_CHECK(changes("message waiting for the disk"));
  CAF_CHECK(changes("message"));
  CAF_CHECK_EQUAL(tree.message(), "");
  CAF_CHECK(apply("checkpoint my state.bin\n")
            == progress_event{checkpoint_named{"my state.bin"}});
  CAF_CHECK(apply("checkpoint /tmp/\xFF")
            == progress_event{checkpoint_named{"/tmp/\xFF"}});
  CAF_CHECK(apply("result 42 rows") == progress_event{result_given{"42 rows"}});
  CAF_CHECK(apply("result \xFF")
            == progress_event{result_given{"\xEF\xBF\xBD"}});
  CAF_CHECK(apply("result") == progress_event{result_given{""}});
}

CAF_TEST(empty lines are nothing) {
  for (auto line : {"", "\n", "\r\n", "  \t "})
    CAF_CHECK(nothing(line));
}

CAF_TEST(an error shows the line and what to write) {
  CAF_CHECK_EQUAL(error_of("progress fast"),
                  "progress line 'progress fast': a percentage is missing; "
                  "write 'progress PERCENT [TEXT]', e.g. 'progress 40 "
                  "indexing'");
  CAF_CHECK_EQUAL(error_of("Progress 40"),
                  "progress line 'Progress 40': it begins with none of "
                  "progress, stage, message, checkpoint, result");
  CAF_CHECK_EQUAL(error_of("checkpoint"),
                  "progress line 'checkpoint': a file is missing; write "
                  "'checkpoint PATH'");
  CAF_CHECK(error_of("bell\a\x1B[2J").starts_with("progress line 'bell??[2J'"));
  CAF_CHECK(error_of(std::string(90, 'x'))
              .starts_with("progress line '" + std::string(80, 'x') + "...'"));
}

CAF_TEST(lines that are wrong change nothing) {
  changes("stage a 10 text");
  for (auto line : {"progress"sv,
                    "progress nan"sv,
                    "progress inf"sv,
                    "progress 1e3"sv,
                    "progress 0x1"sv,
                    "progress 4,5"sv,
                    "progress 40x"sv,
                    "progress %"sv,
                    "progress +4"sv,
                    "progress 40%% text"sv,
                    "stage"sv,
                    "stage a"sv,
                    "stage a weight=2"sv,
                    "stage a weight= 5"sv,
                    "stage a weight=x 5"sv,
                    "stage a weight=0 5 text2"sv,
                    "stage a weight=-1 5"sv,
                    "stage a weight=nan 5"sv,
                    "stage a/ 5"sv,
                    "stage /a 5"sv,
                    "stage a text 5"sv,
                    "stage \xFF 5 text2"sv,
                    "checkpoint a\0b"sv,
                    "progressive 4"sv,
                    "\0"sv})
    CAF_CHECK(!error_of(line).empty());
  CAF_CHECK(!error_of("result " + std::string(max_result + 1, 'x')).empty());
  apply("result " + std::string(max_result, 'x'));
}

CAF_TEST(garbage never crashes and never leaves the bounds) {
  for (auto seed : test::seeds(2'000)) { // COPPICE_SEED=<n> replays one.
    std::minstd_rand rng{seed};
    progress_tree any;
    for (auto n = 0; n < 20; ++n) {
      std::string line;
      for (auto words = rng() % 6; words > 0; --words) {
        constexpr const char* known[]
          = {"progress ", "stage ",  "message ", "checkpoint ", "result ",
             "a/b",       "weight=", "99.9",     " ",           "1e999",
             "-",         "%",       "nan",      "\xF0\x9F",    "/"};
        if (rng() % 3 == 0)
          line += static_cast<char>(rng() % 256);
        else
          line += known[rng() % std::size(known)];
      }
      auto x = apply_progress_line(any, line);
      auto fine = any.percent() >= 0 && any.percent() <= 100
                  && is_valid_utf8(any.message())
                  && any.message().size() <= progress_tree::max_message
                  && (x || is_valid_utf8(x.error().message));
      if (!fine)
        CAF_FAIL("seed " << seed << ": " << line);
    }
  }
}

CAF_TEST_FIXTURE_SCOPE_END()

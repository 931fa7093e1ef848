// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/watch_board.hpp"

#include "apps/commands/text.hpp"

#include <caf/test/unit_test.hpp>

using namespace coppice;

namespace {

constexpr unix_ms now = 1'763'760'000'000;

proto::Task make(const std::string& id, proto::TaskState state,
                 double percent) {
  proto::Task x;
  x.set_id(id);
  x.set_kind("exec");
  x.set_state(state);
  x.set_attempt(state == proto::WAITING ? 0 : 1);
  if (state == proto::RUNNING)
    x.set_node("n1");
  x.mutable_progress()->set_percent(percent);
  return x;
}

} // namespace

CAF_TEST(a frame shows every task and a line for all) {
  watch_board board{{"1.1.1", "1.1.20", "1.1.1"}};
  auto x = make("1.1.1", proto::RUNNING, 50);
  x.set_attempt(3);
  x.mutable_progress()->set_message("page 7");
  board.update(x, now);
  board.update(make("1.1.20", proto::SUCCEEDED, 0), now);
  auto lines = board.frame({true, 100, 24}, now, "");
  CAF_REQUIRE_EQUAL(lines.size(), 3u);
  CAF_CHECK_EQUAL(lines[0], "1.1.1   exec      [##########..........]  50%  "
                            "running on n1, attempt 3  page 7");
  CAF_CHECK_EQUAL(lines[1],
                  "1.1.20  exec      [####################] 100%  succeeded");
  CAF_CHECK_EQUAL(lines[2],
                  "[###############.....]  75%  2 tasks: 1 running, 1 "
                  "succeeded");
}

CAF_TEST(a narrow screen shows what matters) {
  watch_board board{{"1.1.8", "1.1.9"}};
  board.update(make("1.1.8", proto::RUNNING, 42), now);
  board.update(make("1.1.9", proto::FAILED, 0), now);
  auto lines = board.frame({true, 40, 24}, now, "reconnecting: it is gone");
  CAF_REQUIRE_EQUAL(lines.size(), 4u);
  CAF_CHECK_EQUAL(lines[0], "1.1.8  [####......]  42%  running on n1");
  CAF_CHECK_EQUAL(lines[1], "1.1.9  [..........]   0%  failed");
  CAF_CHECK_EQUAL(lines[2], "[#######...]  71%  2 tasks: 1 failed, 1…");
  CAF_CHECK_EQUAL(lines[3], "reconnecting: it is gone");
  lines = board.frame({true, 24, 24}, now, "");
  CAF_CHECK_EQUAL(lines.at(0), "1.1.8   42%  running on…");
}

CAF_TEST(a frame never exceeds the screen) {
  std::vector<std::string> ids;
  for (int i = 1; i <= 50; ++i)
    ids.push_back("1.1." + std::to_string(i));
  watch_board board{ids};
  for (int i = 1; i <= 50; ++i)
    board.update(make(ids[static_cast<size_t>(i) - 1],
                      i == 40 ? proto::RUNNING : proto::WAITING, 0),
                 now);
  auto lines = board.frame({true, 40, 10}, now, "reconnecting: \x1b 語語語");
  CAF_CHECK_EQUAL(lines.size(), 9u);
  auto shown = false;
  for (auto& line : lines) {
    CAF_CHECK_LESS_OR_EQUAL(display_width(line), 40u);
    shown |= line.starts_with("1.1.40 ");
  }
  CAF_CHECK(shown);
  CAF_CHECK_GREATER_OR_EQUAL(board.frame({true, 0, 0}, now, "").size(), 2u);
}

CAF_TEST(without a terminal there is a line for each change) {
  watch_board board{{"1.1.1"}};
  CAF_CHECK_EQUAL(board.update(make("1.1.1", proto::WAITING, 0), now),
                  "1.1.1 waiting, 0%");
  CAF_CHECK_EQUAL(board.update(make("1.1.1", proto::WAITING, 0), now), "");
  CAF_CHECK_EQUAL(board.update(make("1.1.1", proto::RUNNING, 4), now),
                  "1.1.1 running on n1, 4%");
  CAF_CHECK_EQUAL(board.update(make("1.1.1", proto::RUNNING, 9.9), now), "");
  CAF_CHECK_EQUAL(board.update(make("1.1.1", proto::RUNNING, 10), now),
                  "1.1.1 running on n1, 10%");
  CAF_CHECK_EQUAL(board.update(make("1.1.1", proto::SUCCEEDED, 99), now),
                  "1.1.1 succeeded, 100%");
  CAF_CHECK_EQUAL(board.update(make("1.1.2", proto::RUNNING, 50), now), "");
}

CAF_TEST(it is over when every task has ended) {
  watch_board board{{"1.1.1", "1.1.2"}};
  CAF_CHECK_EQUAL(board.unfinished().size(), 2u);
  board.update(make("1.1.1", proto::TIMED_OUT, 30), now);
  CAF_CHECK_EQUAL(board.unfinished().size(), 1u);
  board.update(make("1.1.2", proto::SUCCEEDED, 0), now);
  CAF_CHECK(board.unfinished().empty());
  CAF_CHECK_EQUAL(board.sum().failed, 1u);
  CAF_CHECK_EQUAL(board.sum().percent, 100.0);
}

CAF_TEST(each failure is told with its reason and where to look) {
  watch_board board{{"1.1.1", "1.1.2", "1.1.3", "1.1.4", "1.1.5"}};
  auto x = make("1.1.1", proto::FAILED, 30);
  x.set_reason(proto::ATTEMPTS_EXHAUSTED);
  x.mutable_error()->set_code("exit_3");
  x.mutable_error()->set_message("it ended with 3");
  board.update(x, now);
  board.update(make("1.1.2", proto::SUCCEEDED, 100), now);
  auto never_tried = make("1.1.3", proto::CANCELLED, 0);
  never_tried.set_attempt(0);
  board.update(never_tried, now);
  board.update(make("1.1.4", proto::RUNNING, 0), now);
  auto lines = board.failures(2, now);
  CAF_REQUIRE_EQUAL(lines.size(), 2u);
  CAF_CHECK_EQUAL(lines[0],
                  "1.1.1 failed (no attempt is left): exit_3: it ended with 3; "
                  "for its output: coppice logs 1.1.1");
  CAF_CHECK_EQUAL(lines[1], "1.1.3 cancelled");
  board.update(make("1.1.5", proto::TIMED_OUT, 0), now);
  lines = board.failures(1, now);
  CAF_REQUIRE_EQUAL(lines.size(), 2u);
  CAF_CHECK(lines[1].starts_with("and 2 more that did not succeed"));
}

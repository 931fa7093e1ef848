// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/watch.hpp"

#include "apps/commands/command_list.hpp"
#include "apps/commands/live_frame.hpp"
#include "apps/commands/text.hpp"
#include "apps/commands/watch_board.hpp"
#include "runtime/task/request_rules.hpp"

#include <algorithm>
#include <set>
#include <thread>

namespace coppice {

namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// Pause between two looks: five a second for what a person watches.
constexpr auto shortest_pause = milliseconds{200};

/// A look at very many tasks takes its time: then this many times longer.
constexpr int pause_per_look = 4;

/// The most failures that are told one by one.
constexpr size_t most_failures = 10;

/// Draws frames over each other, or prints news.
class viewer {
public:
  viewer(std::ostream& to, screen_probe look)
    : to_(to),
      look_(std::move(look)),
      is_terminal_(look_().is_terminal) {
    // nop
  }

  void news(const std::string& line) {
    if (!is_terminal_ && !line.empty())
      to_ << line << "\n";
  }

  void draw(const watch_board& board, const std::string& note) {
    if (is_terminal_) {
      auto size = look_();
      to_ << frame_.redraw(board.frame(size, now_ms(), note), size.columns);
    }
    to_.flush();
  }

private:
  std::ostream& to_;
  screen_probe look_;
  bool is_terminal_;
  live_frame frame_;
};

/// One watch, from the first look to the end.
class watcher {
public:
  watcher(context& ctx, const std::vector<std::string>& ids, std::ostream& to,
          const screen_probe& look)
    : ctx_(ctx),
      board_(ids),
      view_(to, look) {
    ctx_.cluster().on_trouble([this](const error& x) { on_trouble(x); });
  }

  ~watcher() {
    ctx_.cluster().on_trouble(nullptr);
  }

  watcher(const watcher&) = delete;

  watcher& operator=(const watcher&) = delete;

  exit_code run() {
    for (;;) {
      auto begin = clock::now();
      if (auto code = look(); code != exit_code::success)
        return code;
      view_.draw(board_, {});
      if (board_.unfinished().empty())
        return judge();
      auto took
        = std::chrono::duration_cast<milliseconds>(clock::now() - begin);
      std::this_thread::sleep_for(
        std::max(shortest_pause, took * pause_per_look));
    }
  }

private:
  /// All have ended.
  exit_code judge() {
    auto failures = board_.failures(most_failures, now_ms());
    for (auto& line : failures)
      ctx_.complain(line);
    return failures.empty() ? exit_code::success : exit_code::work_failed;
  }

  void on_trouble(const error& x) {
    if (!troubled_)
      view_.news("reconnecting: " + printable(x.message));
    troubled_ = true;
    view_.draw(board_, "reconnecting: " + x.message);
  }

  exit_code look() {
    auto ids = board_.unfinished();
    for (size_t i = 0; i < ids.size(); i += max_request_tasks) {
      auto end = std::min(ids.size(), i + max_request_tasks);
      if (auto code = look_at({ids.begin() + static_cast<ptrdiff_t>(i),
                               ids.begin() + static_cast<ptrdiff_t>(end)});
          code != exit_code::success)
        return code;
    }
    if (troubled_)
      view_.news("connected again");
    troubled_ = false;
    return exit_code::success;
  }

  exit_code look_at(const std::vector<std::string>& ids) {
    proto::Request request;
    request.mutable_get()->mutable_ids()->Add(ids.begin(), ids.end());
    proto::Reply reply;
    auto code = exit_code::success;
    if (!ctx_.ask(std::move(request), reply, code))
      return code;
    for (auto& item : reply.get().items()) {
      if (item.has_error()) {
        ctx_.complain(item.error().message());
        return exit_code::refused;
      }
      view_.news(board_.update(item.task(), now_ms()));
    }
    return code;
  }

  context& ctx_;
  watch_board board_;
  viewer view_;
  bool troubled_ = false;
};

/// Finds all tasks that have not ended.
exit_code find_unfinished(context& ctx, std::vector<std::string>& ids) {
  std::string after;
  do {
    proto::Request request;
    auto* list = request.mutable_list();
    for (auto state : {proto::WAITING, proto::LEASED, proto::RUNNING})
      list->add_states(state);
    list->set_limit(max_page_tasks);
    list->set_after(after);
    proto::Reply reply;
    auto code = exit_code::success;
    if (!ctx.ask(std::move(request), reply, code))
      return code;
    for (auto& x : reply.list().tasks())
      ids.push_back(x.id());
    after = reply.list().next();
  } while (!after.empty());
  return exit_code::success;
}

exit_code watch(context& ctx, std::vector<std::string> ids) {
  if (ids.empty()) {
    if (auto code = find_unfinished(ctx, ids); code != exit_code::success)
      return code;
    if (ids.empty()) {
      ctx.out << "no task is unfinished\n";
      return exit_code::success;
    }
  }
  return watch_tasks(ctx, ids, ctx.out, ctx.out_screen);
}

result<action> prepare(const arguments& args) {
  auto ids = task_ids(args, 0);
  if (!ids)
    return ids.error();
  return action{[ids = ids.value()](context& ctx) { return watch(ctx, ids); }};
}

} // namespace

exit_code watch_tasks(context& ctx, const std::vector<std::string>& ids,
                      std::ostream& to, const screen_probe& look) {
  watcher x{ctx, ids, to, look};
  return x.run();
}

const command watch_command_info{
  .name = "watch",
  .brief = "show the progress of tasks until all have ended",
  .synopsis = "[options] [ID...]",
  .text
  = "Without an id: of all tasks that have not ended. On a terminal with bars, "
    "elsewhere\n"
    "with a line for each change. Goes on when the node is started again in "
    "the middle.\n"
    "Ends with 1 if a task failed, timed out or was cancelled.\n"
    "\n"
    "Example: coppice watch 1.1.42\n",
  .declare = nullptr,
  .prepare = prepare,
};

} // namespace coppice

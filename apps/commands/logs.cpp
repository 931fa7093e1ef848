// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/command_list.hpp"
#include "runtime/error.hpp"

#include <cstdint>
#include <thread>
#include <utility>

namespace po = boost::program_options;

namespace coppice {

namespace {

/// Pause between two looks at output that grows.
constexpr auto look_again = std::chrono::milliseconds{250};

/// How far apart the clocks of a manager and a worker may be, in milliseconds.
constexpr int64_t clock_difference = 60'000;

void declare(po::options_description& x) {
  x.add_options()("follow,f", "go on until the task has ended")(
    "attempt", text_value("N"),
    "the output of this attempt (default: the "
    "latest)");
}

/// Reads the output of one task.
class reader {
public:
  reader(context& ctx, std::string id, uint32_t attempt, bool follow)
    : ctx_(ctx),
      id_(std::move(id)),
      attempt_(attempt),
      only_(attempt != 0),
      follow_(follow) {
    // nop
  }

  exit_code run() {
    for (;;) {
      proto::Request request;
      auto* log = request.mutable_log();
      log->set_id(id_);
      log->set_attempt(attempt_);
      log->set_offset(offset_);
      auto reply = ctx_.cluster().ask(std::move(request));
      if (!reply)
        return ctx_.complain_of_silence(reply.error());
      auto more = reply.value().has_error() ? on_refusal(reply.value().error())
                                            : on_output(reply.value().log());
      if (!more)
        return code_;
    }
  }

private:
  /// Returns whether there may be more.
  bool on_output(const proto::LogReply& x) {
    ctx_.out << x.data() << std::flush;
    // From now on this attempt, until it has ended.
    attempt_ = x.attempt();
    offset_ = x.next();
    if (x.missing())
      return on_missing(x);
    if (x.complete()) {
      if (offset_ == 0)
        say_none("has written no output");
      return wait_for_next_attempt();
    }
    if (x.data().empty()) {
      if (!follow_)
        return false;
      std::this_thread::sleep_for(look_again);
    }
    return true;
  }

  /// What a node says of output that it does not have: nobody wrote any, or it
  /// was removed.
  bool on_missing(const proto::LogReply& x) {
    proto::Task task;
    if (!look(task, true))
      return false;
    auto ended_ms = end_of_attempt(task);
    if (ended_ms == 0 && !follow_) {
      say_none("has written no output yet");
      return false;
    }
    if (ended_ms == 0) {
      std::this_thread::sleep_for(look_again);
      return true;
    }
    // It may have written and ended between the two answers.
    if (!std::exchange(asked_after_end_, true))
      return true;
    if (ended_ms > x.removed_until_ms() + clock_difference) {
      say_none("has written no output");
      return wait_for_next_attempt();
    }
    ctx_.complain("attempt " + std::to_string(attempt_) + " of task " + id_
                  + " has no output any more: its node removes what is older "
                    "than worker.logs_keep or beyond worker.logs_max");
    code_ = exit_code::refused;
    return false;
  }

  /// Returns when the attempt ended; 0 if it has not.
  int64_t end_of_attempt(const proto::Task& task) const {
    for (auto& x : task.attempts())
      if (x.number() == attempt_)
        return x.ended_ms();
    return 0;
  }

  void say_none(const char* what) {
    ctx_.err << "attempt " << attempt_ << " of task " << id_ << " " << what
             << std::endl;
  }

  /// A task that has not started has no output yet, and a node that just went
  /// down does not show it: whoever follows waits for both.
  bool on_refusal(const proto::Error& x) {
    auto code = static_cast<ec>(x.code());
    auto passing = code == ec::not_found || code == ec::unreachable
                   || code == ec::deadline_exceeded;
    proto::Task task;
    if (follow_ && !only_ && passing && look(task) && !is_over(task.state())) {
      std::this_thread::sleep_for(look_again);
      return true;
    }
    if (code_ == exit_code::success) {
      ctx_.complain(x.message());
      code_ = exit_code::refused;
    }
    return false;
  }

  bool wait_for_next_attempt() {
    while (follow_ && !only_) {
      proto::Task task;
      if (!look(task))
        return false;
      if (task.attempt() > attempt_) {
        ctx_.err << "-- attempt " << task.attempt() << " --" << std::endl;
        attempt_ = task.attempt();
        offset_ = 0;
        asked_after_end_ = false;
        return true;
      }
      if (is_over(task.state()))
        return false;
      std::this_thread::sleep_for(look_again);
    }
    return false;
  }

  static bool is_over(proto::TaskState x) {
    return x != proto::WAITING && x != proto::LEASED && x != proto::RUNNING;
  }

  /// Gets the task, with its attempts if *full*; sets the exit code if it
  /// cannot.
  bool look(proto::Task& task, bool full = false) {
    proto::Request request;
    request.mutable_get()->add_ids(id_);
    request.mutable_get()->set_full(full);
    proto::Reply reply;
    if (!ctx_.ask(std::move(request), reply, code_))
      return false;
    if (reply.get().items_size() != 1 || reply.get().items(0).has_error()) {
      ctx_.complain(reply.get().items_size() == 1
                      ? reply.get().items(0).error().message()
                      : "there is no task " + id_);
      code_ = exit_code::refused;
      return false;
    }
    task = reply.get().items(0).task();
    return true;
  }

  context& ctx_;
  std::string id_;
  uint32_t attempt_;
  /// Somebody asked for this attempt and no other.
  bool only_;
  bool follow_;
  uint64_t offset_ = 0;
  /// The attempt had ended before its node was asked last.
  bool asked_after_end_ = false;
  exit_code code_ = exit_code::success;
};

result<action> prepare(const arguments& args) {
  if (auto ids = task_ids(args, 1); !ids)
    return ids.error();
  if (auto okay = expect_words(args, 1, 1, "a task id"); !okay)
    return okay.error();
  auto attempt = args.number("attempt", 0, 1, 1'000'000'000);
  if (!attempt)
    return attempt.error();
  return action{[id = args.words[0], n = static_cast<uint32_t>(attempt.value()),
                 follow = args.has("follow")](context& ctx) {
    return reader{ctx, id, n, follow}.run();
  }};
}

} // namespace

const command logs_command_info{
  .name = "logs",
  .brief = "print the output of a command",
  .synopsis = "[options] ID",
  .text
  = "Prints what the latest attempt wrote to its standard output and error, "
    "as it is. With\n"
    "-f goes on while it grows, and with the next attempts.\n"
    "\n"
    "Example: coppice logs -f 1.1.42\n",
  .declare = declare,
  .prepare = prepare,
};

} // namespace coppice

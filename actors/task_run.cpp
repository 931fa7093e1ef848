// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/task_run.hpp"

#include "actors/task_run_log.hpp"
#include "runtime/log.hpp"
#include "runtime/task/progress_tree.hpp"
#include "runtime/utf8.hpp"

#include <caf/actor_system.hpp>
#include <caf/blocking_actor.hpp>
#include <caf/send.hpp>

#include <pthread.h>

#include <condition_variable>
#include <mutex>
#include <utility>

namespace coppice {

namespace {

constexpr size_t max_code = 128;

constexpr size_t max_error_message = 4'096;

using namespace std::chrono_literals;

/// Progress is passed on at most this often; a function may speak in each turn
/// of its innermost loop.
constexpr auto progress_interval = 50ms;

/// What the thread of an attempt and the EXECUTOR have in common.
struct shared_run {
  std::mutex mutex;
  std::condition_variable changed;
  bool cancelled = false;
  bool checkpoint_wanted = false;
  /// The answer to the last checkpoint.
  std::optional<result<>> saved;
};

class function_control : public run_control {
public:
  explicit function_control(std::shared_ptr<shared_run> shared)
    : shared_(std::move(shared)) {}

  void stop(std::chrono::milliseconds) override {
    std::lock_guard guard{shared_->mutex};
    shared_->cancelled = true;
    shared_->changed.notify_all();
  }

  void ask_for_checkpoint() override {
    std::lock_guard guard{shared_->mutex};
    shared_->checkpoint_wanted = true;
  }

  void checkpoint_saved(const result<>& outcome) override {
    std::lock_guard guard{shared_->mutex};
    shared_->saved = outcome;
    shared_->changed.notify_all();
  }

private:
  std::shared_ptr<shared_run> shared_;
};

/// The context of a function that runs in this process.
class function_context : public task_context {
public:
  function_context(std::shared_ptr<shared_run> shared, run_observer observer,
                   run_start start)
    : shared_(std::move(shared)),
      observer_(std::move(observer)),
      start_(std::move(start)),
      log_(start_.log_file) {}

  // -- the attempt ------------------------------------------------------------

  const proto::TaskSpec& spec() const override {
    return *start_.spec;
  }

  task_id id() const override {
    return start_.key.task;
  }

  uint32_t attempt() const override {
    return start_.key.attempt;
  }

  const std::optional<std::string>& last_checkpoint() const override {
    return start_.checkpoint;
  }

  bool cancelled() const override {
    std::lock_guard guard{shared_->mutex};
    return has_to_stop();
  }

  bool checkpoint_wanted() const override {
    std::lock_guard guard{shared_->mutex};
    return shared_->checkpoint_wanted;
  }

  // -- what it says -----------------------------------------------------------

  void progress(double percent, std::string_view message) override {
    auto changed = tree_.set_percent(percent);
    note(changed, message);
  }

  void add_stage(std::string_view path, double weight) override {
    set_stage(path, weight, 0);
  }

  void stage(std::string_view path, double percent,
             std::string_view message) override {
    set_stage(path, std::nullopt, percent);
    note(false, message);
  }

  void checkpoint(std::string bytes) override {
    if (bytes.size() > max_checkpoint_bytes)
      throw task_failure("checkpoint_too_large",
                         "a checkpoint of " + std::to_string(bytes.size())
                           + " bytes is more than the "
                           + std::to_string(max_checkpoint_bytes)
                           + " that are kept: store it elsewhere and save "
                             "where it is");
    std::unique_lock guard{shared_->mutex};
    shared_->saved.reset();
    say(run_checkpoint{std::move(bytes), tree_.to_proto(changed_ms_)});
    shared_->changed.wait(
      guard, [this] { return shared_->cancelled || shared_->saved; });
    if (has_to_stop())
      throw task_stopped();
    // What is not saved costs time, not the attempt: the next one will be.
    if (!*shared_->saved)
      log_.write("coppice: the checkpoint was not saved: "
                 + to_string(shared_->saved->error()));
  }

  void log(std::string_view line) override {
    log_.write(line);
  }

  bool sleep_for(std::chrono::nanoseconds pause) override {
    std::unique_lock guard{shared_->mutex};
    shared_->changed.wait_for(guard, pause,
                              [this] { return shared_->cancelled; });
    return !has_to_stop();
  }

  // -- for the thread ---------------------------------------------------------

  template <class T>
  void say(T what) {
    caf::anon_send(observer_, run_event{start_.key, std::move(what)});
  }

  /// Passes on what `progress_interval` held back.
  void flush() {
    if (!held_back_)
      return;
    held_back_ = false;
    told_at_ = std::chrono::steady_clock::now();
    say(run_progressed{tree_.to_proto(changed_ms_)});
  }

private:
  /// @pre `shared_->mutex` is locked.
  bool has_to_stop() const {
    return shared_->cancelled || (start_.lease && start_.lease->is_over());
  }

  void set_stage(std::string_view path, std::optional<double> weight,
                 double percent) {
    auto changed = tree_.set_stage(path, weight, percent);
    if (!changed)
      throw task_failure("bad_stage", changed.error().message);
    note(changed.value(), {});
  }

  void note(bool changed, std::string_view message) {
    if (!message.empty())
      changed |= tree_.set_message(message);
    if (changed) {
      changed_ms_ = wall_ms();
      held_back_ = true;
    }
    if (std::chrono::steady_clock::now() - told_at_ >= progress_interval)
      flush();
  }

  std::shared_ptr<shared_run> shared_;
  run_observer observer_;
  run_start start_;
  task_log log_;
  progress_tree tree_;
  int64_t changed_ms_ = 0;
  bool held_back_ = false;
  std::chrono::steady_clock::time_point told_at_;
};

/// Calls the function; whatever it throws becomes the end of the attempt.
proto::FinishCommand::Item call(const task_function& function,
                                function_context& context) {
  try {
    return succeeded(std::move(function(context).text));
  } catch (const task_failure& x) {
    return failed(x.code(), x.what());
  } catch (const task_stopped& x) {
    return failed("stopped", x.what());
  } catch (const std::exception& x) {
    return failed("exception", x.what());
  } catch (...) {
    return failed("exception", "it threw something that is no exception");
  }
}

} // namespace

run_starter function_starter(caf::actor_system& sys, std::string kind,
                             task_function function) {
  return [&sys, kind = std::move(kind), function = std::move(function)](
           const run_observer& observer, run_start start) -> run_control_ptr {
    auto shared = std::make_shared<shared_run>();
    std::function<void()> run = [shared, observer, start, function, kind] {
      // Shown by debuggers and top; 15 bytes is what Linux takes.
      ::pthread_setname_np(::pthread_self(), kind.substr(0, 15).c_str());
      function_context context{shared, observer, start};
      context.say(run_started{wall_ms()});
      auto end = call(function, context);
      context.flush();
      context.say(run_ended{std::move(end)});
    };
    // An argument, because CAF dereferences a null pointer where there is none.
    sys.spawn<caf::detached + caf::hidden>(
      [](caf::blocking_actor*, const std::function<void()>& f) { f(); },
      std::move(run));
    return std::make_unique<function_control>(std::move(shared));
  };
}

proto::FinishCommand::Item succeeded(std::string text) {
  proto::FinishCommand::Item x;
  x.set_outcome(proto::SUCCEEDED);
  x.set_reason(proto::COMPLETED);
  if (!text.empty())
    x.set_result(clean_utf8(text, max_result));
  return x;
}

proto::FinishCommand::Item failed(std::string_view code,
                                  std::string_view message) {
  proto::FinishCommand::Item x;
  x.set_outcome(proto::FAILED);
  x.set_reason(proto::ATTEMPT_FAILED);
  x.mutable_error()->set_code(clean_utf8(code, max_code));
  x.mutable_error()->set_message(clean_utf8(message, max_error_message));
  return x;
}

int64_t wall_ms() {
  auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/kinds/exec_run.hpp"

#include "actors/kinds/small_file.hpp"
#include "runtime/files.hpp"
#include "runtime/utf8.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/send.hpp>

#include <utility>

namespace coppice {

namespace {

using namespace std::chrono_literals;

/// Progress is passed on at most this often.
constexpr auto progress_interval = 50ms;

/// The EXECUTOR's end.
class exec_control : public run_control {
public:
  explicit exec_control(exec_run_actor run) : run_(std::move(run)) {}

  // A run that outlives the EXECUTOR would wait for ever.
  ~exec_control() override {
    caf::anon_send_exit(run_, caf::exit_reason::kill);
  }

  void stop(std::chrono::milliseconds grace) override {
    caf::anon_send(run_, stop_exec{grace});
  }

  void ask_for_checkpoint() override {
    caf::anon_send(run_, want_checkpoint{});
  }

  void checkpoint_saved(const result<>& outcome) override {
    caf::anon_send(
      run_, exec_checkpoint_saved{outcome ? "" : outcome.error().message});
  }

private:
  exec_run_actor run_;
};

void add(proto::StartCommand& to, std::string name, std::string value) {
  auto& x = *to.add_environment();
  x.set_name(std::move(name));
  x.set_value(std::move(value));
}

} // namespace

run_starter exec_starter(caf::actor_system& sys, exec_settings settings) {
  return [&sys, settings](const run_observer& observer, run_start start) {
    auto run = settings.threads
                 ? sys.spawn<caf::detached>(exec_run, settings, observer, start)
                 : sys.spawn(exec_run, settings, observer, start);
    return run_control_ptr{std::make_unique<exec_control>(run)};
  };
}

// -- initialization -----------------------------------------------------------

void exec_run_state::init(exec_settings xs, run_observer to, run_start what) {
  settings = std::move(xs);
  observer = std::move(to);
  start = std::move(what);
  id = next_launch_id();
  folder = start.spec->exec().folder();
  if (folder.empty())
    folder = start.folder;
  log_file = std::make_unique<task_log>(start.log_file);
  if (auto ready = prepare(); !ready) {
    say_ended(failed("cannot_start", ready.error().message));
    return;
  }
  self->monitor(settings.launcher);
  self->send(settings.launcher,
             launch_command{command(), caf::actor_cast<launch_observer>(self)});
}

result<> exec_run_state::prepare() {
  // The worker removes the folder of an earlier attempt, and of the task if
  // that is empty then.
  if (auto made = make_folders(start.folder); !made || !start.checkpoint)
    return made;
  return write_small_file(start.folder / "checkpoint", *start.checkpoint);
}

proto::StartCommand exec_run_state::command() const {
  auto& exec = start.spec->exec();
  proto::StartCommand x;
  x.set_id(id);
  x.set_steps_back(true);
  for (auto& argument : exec.argv())
    x.add_argv(argument);
  for (auto& [key, value] : exec.env())
    add(x, key, value);
  // After those of the spec: a later entry wins.
  add(x, "COPPICE_TASK_ID", to_string(start.key.task));
  add(x, "COPPICE_ATTEMPT", std::to_string(start.key.attempt));
  add(x, "COPPICE_CHECKPOINT",
      start.checkpoint ? (start.folder / "checkpoint").string() : "");
  add(x, "COPPICE_ATTEMPT_FOLDER", start.folder.string());
  add(x, "COPPICE_ADDRESS", settings.client_address);
  x.set_working_folder(folder.string());
  x.set_standard_input(exec.stdin());
  x.set_log_file(start.log_file.string());
  auto& limits = *x.mutable_limits();
  limits.set_address_space_bytes(exec.limits().memory_bytes());
  limits.set_open_files(exec.limits().open_files());
  limits.set_cpu_seconds(exec.limits().cpu_seconds());
  return x;
}

// -- handlers -----------------------------------------------------------------

void exec_run_state::on_event(const proto::LaunchEvent& x) {
  switch (x.event_case()) {
    case proto::LaunchEvent::kStarted:
      say(run_started{wall_ms()});
      break;
    case proto::LaunchEvent::kNotStarted:
      say_ended(failed("cannot_start", x.not_started().reason()));
      break;
    case proto::LaunchEvent::kLine:
      on_line(x.line());
      break;
    case proto::LaunchEvent::kExited:
      on_exited(x.exited());
      break;
    case proto::LaunchEvent::EVENT_NOT_SET:
      break;
  }
}

void exec_run_state::on_stop(const stop_exec& x) {
  proto::StopCommand stop;
  stop.set_id(id);
  stop.set_grace_ms(static_cast<uint64_t>(x.grace.count()));
  self->send(settings.launcher, stop_command{stop});
}

void exec_run_state::on_want_checkpoint() {
  auto asked = write_small_file(start.folder / "checkpoint-wanted", "");
  if (!asked)
    note("it cannot be asked for a checkpoint: " + asked.error().message);
}

void exec_run_state::on_checkpoint_saved(const exec_checkpoint_saved& x) {
  if (!x.problem.empty())
    note("the checkpoint was not saved: " + x.problem);
}

void exec_run_state::on_flush() {
  if (!flush_scheduled)
    return;
  flush_scheduled = false;
  say(run_progressed{tree.to_proto(changed_ms)});
}

// -- parts of the handlers ----------------------------------------------------

void exec_run_state::on_line(const proto::CommandLine& x) {
  auto event = apply_progress_line(tree, x.text());
  if (!event || x.truncated()) {
    // Once: a command that confuses its outputs would fill the disk.
    if (!std::exchange(noted_bad_line, true))
      note("a line on the progress descriptor makes no sense: "
           + (x.truncated() ? "it is too long" : event.error().message));
    return;
  }
  if (std::holds_alternative<progress_changed>(event.value())) {
    changed_ms = wall_ms();
    if (!std::exchange(flush_scheduled, true))
      self->delayed_send(self, progress_interval, caf::flush_atom::value);
  } else if (auto* named = std::get_if<checkpoint_named>(&event.value())) {
    save_checkpoint(named->path);
  } else if (auto* given = std::get_if<result_given>(&event.value())) {
    result_text = std::move(given->text);
  }
}

void exec_run_state::on_exited(const proto::CommandExited& x) {
  proto::FinishCommand::Item end;
  if (x.how_case() == proto::CommandExited::kSignal) {
    auto number = std::to_string(x.signal());
    end = failed("signal_" + number, "signal " + number + " ended the command");
    end.set_exit_status(128 + x.signal());
  } else if (x.code() == 0) {
    end = succeeded(result_text);
  } else {
    auto number = std::to_string(x.code());
    end = failed("exit_" + number,
                 "the command ended with exit status " + number);
    end.set_exit_status(x.code());
  }
  if (end.outcome() != proto::SUCCEEDED && !result_text.empty())
    end.set_result(clean_utf8(result_text, max_result));
  say_ended(std::move(end));
}

void exec_run_state::save_checkpoint(const std::string& path) {
  auto bytes = read_small_file(folder / path, max_checkpoint_bytes);
  if (!bytes)
    note("the checkpoint was not saved: " + bytes.error().message);
  else
    say(run_checkpoint{std::move(bytes.value()), tree.to_proto(changed_ms)});
}

void exec_run_state::note(std::string_view text) {
  log_file->write("coppice: " + clean_utf8(text, 4'096));
}

void exec_run_state::say_ended(proto::FinishCommand::Item end) {
  on_flush();
  say(run_ended{std::move(end)});
  self->quit();
}

// -- exec_run -----------------------------------------------------------------

exec_run_actor::behavior_type
exec_run(exec_run_actor::stateful_pointer<exec_run_state> self,
         exec_settings settings, run_observer observer, run_start start) {
  self->set_down_handler([self](const caf::down_msg&) {
    self->state.say_ended(failed("launcher_lost", "the launcher is gone"));
  });
  self->state.init(std::move(settings), std::move(observer), std::move(start));
  return {
    [self](const launch_event& x) { self->state.on_event(x.event); },
    [self](const stop_exec& x) { self->state.on_stop(x); },
    [self](const want_checkpoint&) { self->state.on_want_checkpoint(); },
    [self](const exec_checkpoint_saved& x) {
      self->state.on_checkpoint_saved(x);
    },
    [self](caf::flush_atom) { self->state.on_flush(); },
  };
}

} // namespace coppice

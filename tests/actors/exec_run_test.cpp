// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/kinds/exec_run.hpp"

#include "tests/support/temp_folder.hpp"

#include <caf/test/dsl.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

std::string read_file(const std::filesystem::path& x) {
  std::ifstream in{x, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

struct seen {
  std::vector<launch_command> launched;
  std::vector<proto::StopCommand> stopped;
  std::vector<run_event> events;

  template <class T>
  std::vector<T> all() const {
    std::vector<T> result;
    for (auto& x : events)
      if (auto* y = std::get_if<T>(&x.what))
        result.push_back(*y);
    return result;
  }
};

launcher_actor::behavior_type fake_link(launcher_actor::pointer,
                                        std::shared_ptr<seen> log) {
  return {
    [log](const launch_command& x) { log->launched.push_back(x); },
    [log](const stop_command& x) { log->stopped.push_back(x.stop); },
    [](const renew_command&) { CAF_ERROR("an attempt has no lease of these"); },
  };
}

run_observer::behavior_type fake_observer(run_observer::pointer,
                                          std::shared_ptr<seen> log) {
  return {
    [log](const run_event& x) { log->events.push_back(x); },
  };
}

struct fixture : test_coordinator_fixture<> {
  fixture() : log(std::make_shared<seen>()) {
    settings.launcher = sys.spawn(fake_link, log);
    settings.client_address = "127.0.0.1:7401";
    settings.threads = false;
    observer = sys.spawn(fake_observer, log);
    start.key = {{1, 1, 42}, 3};
    start.folder = folder.path() / "attempts/1.1.42/3";
    start.log_file = folder.path() / "logs/1.1.42/3.log";
    spec.set_kind("exec");
    spec.mutable_exec()->add_argv("/bin/sh");
    spec.mutable_exec()->add_argv("-c");
    spec.mutable_exec()->add_argv("true");
  }

  ~fixture() {
    log->launched.clear();
    control.reset();
    consume_messages();
  }

  void launch() {
    start.spec = std::make_shared<proto::TaskSpec>(spec);
    control = exec_starter(sys, settings)(observer, start);
    consume_messages();
  }

  const proto::StartCommand& command() {
    CAF_REQUIRE_EQUAL(log->launched.size(), 1u);
    return log->launched[0].start;
  }

  std::map<std::string, std::string> environment() {
    std::map<std::string, std::string> result;
    for (auto& x : command().environment())
      result[x.name()] = x.value();
    return result;
  }

  void tell(proto::LaunchEvent x) {
    caf::anon_send(log->launched.at(0).observer, launch_event{std::move(x)});
    consume_messages();
  }

  void line(const std::string& text, bool truncated = false) {
    proto::LaunchEvent x;
    x.mutable_line()->set_text(text);
    x.mutable_line()->set_truncated(truncated);
    tell(std::move(x));
  }

  const proto::FinishCommand::Item& exit_with(int code) {
    proto::LaunchEvent x;
    x.mutable_exited()->set_code(code);
    tell(std::move(x));
    return end();
  }

  /// Returns a reference: the checks of CAF do not keep temporaries alive.
  const proto::FinishCommand::Item& end() {
    auto ends = log->all<run_ended>();
    CAF_REQUIRE_EQUAL(ends.size(), 1u);
    last_end = ends[0].end;
    return last_end;
  }

  coppice::test::temp_folder folder;
  std::shared_ptr<seen> log;
  exec_settings settings;
  run_observer observer;
  run_start start;
  proto::TaskSpec spec;
  run_control_ptr control;
  proto::FinishCommand::Item last_end;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(exec_run_tests, fixture)

CAF_TEST(a command gets what its spec says and what it must know) {
  (*spec.mutable_exec()->mutable_env())["COLOUR"] = "red";
  (*spec.mutable_exec()->mutable_env())["COPPICE_ATTEMPT"] = "forged";
  spec.mutable_exec()->set_stdin("input");
  spec.mutable_exec()->mutable_limits()->set_memory_bytes(1 << 20);
  spec.mutable_exec()->mutable_limits()->set_open_files(32);
  spec.mutable_exec()->mutable_limits()->set_cpu_seconds(7);
  launch();
  CAF_CHECK_EQUAL(command().argv_size(), 3);
  CAF_CHECK_EQUAL(command().standard_input(), "input");
  CAF_CHECK_EQUAL(command().working_folder(), start.folder.string());
  CAF_CHECK_EQUAL(command().log_file(), start.log_file.string());
  CAF_CHECK_EQUAL(command().limits().address_space_bytes(), 1u << 20);
  CAF_CHECK_EQUAL(command().limits().open_files(), 32u);
  CAF_CHECK_EQUAL(command().limits().cpu_seconds(), 7u);
  auto env = environment();
  CAF_CHECK_EQUAL(env["COLOUR"], "red");
  CAF_CHECK_EQUAL(env["COPPICE_TASK_ID"], "1.1.42");
  CAF_CHECK_EQUAL(env["COPPICE_ATTEMPT"], "3");
  CAF_CHECK_EQUAL(env["COPPICE_CHECKPOINT"], "");
  CAF_CHECK_EQUAL(env["COPPICE_ADDRESS"], "127.0.0.1:7401");
  CAF_CHECK_EQUAL(env["COPPICE_ATTEMPT_FOLDER"], start.folder.string());
  CAF_CHECK(std::filesystem::is_directory(start.folder));
}

CAF_TEST(a command finds the last checkpoint in a file) {
  start.checkpoint = std::string{"where it was\0!", 14};
  launch();
  auto path = environment()["COPPICE_CHECKPOINT"];
  CAF_CHECK_EQUAL(read_file(path), *start.checkpoint);
}

CAF_TEST(an attempt has started when its program runs) {
  launch();
  CAF_CHECK(log->events.empty());
  proto::LaunchEvent x;
  x.mutable_started()->set_pid(1);
  tell(std::move(x));
  CAF_CHECK_EQUAL(log->all<run_started>().size(), 1u);
}

CAF_TEST(exit status 0 is success and the result is what was said) {
  launch();
  line("result 42 rows");
  auto x = exit_with(0);
  CAF_CHECK_EQUAL(x.outcome(), proto::SUCCEEDED);
  CAF_CHECK_EQUAL(x.result(), "42 rows");
}

CAF_TEST(any other exit status fails with its own code) {
  launch();
  auto x = exit_with(2);
  CAF_CHECK_EQUAL(x.outcome(), proto::FAILED);
  CAF_CHECK_EQUAL(x.error().code(), "exit_2");
  CAF_CHECK_EQUAL(x.exit_status(), 2);
}

CAF_TEST(a signal fails with its own code) {
  launch();
  proto::LaunchEvent event;
  event.mutable_exited()->set_signal(9);
  tell(std::move(event));
  auto x = end();
  CAF_CHECK_EQUAL(x.error().code(), "signal_9");
  CAF_CHECK_EQUAL(x.exit_status(), 137);
}

CAF_TEST(a command that cannot be started fails with the reason) {
  launch();
  proto::LaunchEvent event;
  event.mutable_not_started()->set_reason("no such file");
  tell(std::move(event));
  auto x = end();
  CAF_CHECK_EQUAL(x.error().code(), "cannot_start");
  CAF_CHECK_EQUAL(x.error().message(), "no such file");
}

CAF_TEST(a folder that cannot be made fails the attempt) {
  std::ofstream{folder.path() / "attempts"} << "in the way";
  launch();
  CAF_CHECK(log->launched.empty());
  CAF_CHECK_EQUAL(end().error().code(), "cannot_start");
}

CAF_TEST(many lines of progress become few messages and none is lost) {
  launch();
  for (auto i = 1; i <= 99; ++i)
    line("progress " + std::to_string(i) + " step");
  CAF_CHECK(log->all<run_progressed>().empty());
  sched.advance_time(60ms);
  consume_messages();
  CAF_REQUIRE_EQUAL(log->all<run_progressed>().size(), 1u);
  CAF_CHECK_EQUAL(log->all<run_progressed>()[0].progress.percent(), 99);
  line("progress 100");
  exit_with(0);
  CAF_REQUIRE_EQUAL(log->all<run_progressed>().size(), 2u);
  CAF_CHECK_EQUAL(log->all<run_progressed>()[1].progress.percent(), 100);
}

CAF_TEST(a checkpoint is read from the working folder and remains there) {
  launch();
  std::ofstream{start.folder / "state.bin"} << "half of it";
  line("checkpoint state.bin");
  auto saved = log->all<run_checkpoint>();
  CAF_REQUIRE_EQUAL(saved.size(), 1u);
  CAF_CHECK_EQUAL(saved[0].bytes, "half of it");
  CAF_CHECK(std::filesystem::exists(start.folder / "state.bin"));
}

CAF_TEST(a checkpoint that cannot be read is noted in the output) {
  launch();
  line("checkpoint nowhere");
  std::filesystem::create_directory(start.folder / "folder");
  line("checkpoint folder");
  std::ofstream{start.folder / "large"};
  std::filesystem::resize_file(start.folder / "large",
                               max_checkpoint_bytes + 1);
  line("checkpoint large");
  CAF_CHECK(log->all<run_checkpoint>().empty());
  auto output = read_file(start.log_file);
  CAF_CHECK_EQUAL(std::count(output.begin(), output.end(), '\n'), 3);
  CAF_CHECK_EQUAL(exit_with(0).outcome(), proto::SUCCEEDED);
}

CAF_TEST(bad lines are noted once and harm nobody) {
  launch();
  line("what is this");
  line("\xFF\xFE");
  line("progress 10", true);
  auto output = read_file(start.log_file);
  CAF_CHECK_EQUAL(std::count(output.begin(), output.end(), '\n'), 1);
  line("progress 70");
  CAF_CHECK_EQUAL(exit_with(0).outcome(), proto::SUCCEEDED);
  CAF_CHECK_EQUAL(log->all<run_progressed>().back().progress.percent(), 70);
}

CAF_TEST(a stop is passed on with its grace) {
  launch();
  control->stop(1'500ms);
  consume_messages();
  CAF_REQUIRE_EQUAL(log->stopped.size(), 1u);
  CAF_CHECK_EQUAL(log->stopped[0].id(), command().id());
  CAF_CHECK_EQUAL(log->stopped[0].grace_ms(), 1'500u);
}

CAF_TEST(without a launcher the attempt ends) {
  launch();
  self->send_exit(settings.launcher, caf::exit_reason::kill);
  consume_messages();
  CAF_CHECK_EQUAL(end().error().code(), "launcher_lost");
}

CAF_TEST_FIXTURE_SCOPE_END()

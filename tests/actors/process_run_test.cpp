// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/services/process_run.hpp"

#include "tests/support/temp_folder.hpp"

#include <caf/test/dsl.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

const service_instance second{"web", 1};

/// What the launcher and SERVICE_HOST are told.
struct seen {
  std::vector<launch_command> launched;
  std::vector<proto::StopCommand> stopped;
  std::vector<proto::RenewCommand> renewed;
  std::vector<instance_news> news;
  size_t restored = 0;
  size_t captured = 0;
  /// What is wrong with the state.
  std::string problem;
};

using seen_ptr = std::shared_ptr<seen>;

launcher_actor::behavior_type fake_launcher(launcher_actor::pointer,
                                            const seen_ptr& to) {
  return {
    [=](const launch_command& x) { to->launched.push_back(x); },
    [=](const stop_command& x) { to->stopped.push_back(x.stop); },
    [=](const renew_command& x) { to->renewed.push_back(x.renew); },
  };
}

state_keeper_actor::behavior_type fake_keeper(state_keeper_actor::pointer,
                                              const seen_ptr& to) {
  return {
    [=](caf::put_atom, uint16_t) {
      ++to->restored;
      return to->problem;
    },
    [=](caf::get_atom, uint16_t) {
      ++to->captured;
      return to->problem;
    },
  };
}

instance_observer::behavior_type fake_host(instance_observer::pointer,
                                           const seen_ptr& to) {
  return {[=](const instance_news& x) { to->news.push_back(x); }};
}

struct fixture : test_coordinator_fixture<> {
  fixture() {
    launcher = sys.spawn(fake_launcher, log);
    host = sys.spawn(fake_host, log);
    options.start.who = second;
    options.start.epoch = 4;
    auto& spec = options.start.spec;
    spec.set_name("web");
    spec.set_form(proto::PROCESS_SERVICE);
    for (auto* word : {"/usr/bin/server", "--listen=127.0.0.1:{port}"})
      spec.add_command(word);
    spec.set_start_timeout_ms(5'000);
    options.here.services = services;
    options.here.observer = host;
    options.launcher = launcher;
    options.folder = folder.path() / "services";
    options.term_grace = 3s;
  }

  ~fixture() {
    end(run);
    consume_messages();
    log->launched.clear();
    end(launcher);
    end(host);
    consume_messages();
  }

  template <class Handle>
  void end(Handle& x) {
    if (x)
      self->send_exit(x, caf::exit_reason::kill);
    x = nullptr;
  }

  void launch() {
    run = sys.spawn(process_run, options);
    consume_messages();
    CAF_REQUIRE_EQUAL(log->launched.size(), 1u);
  }

  void keep_state() {
    options.keeper = sys.spawn(fake_keeper, log);
  }

  /// The launcher says that the command runs.
  void start() {
    launch();
    launch_event x;
    x.event.mutable_started()->set_id(command().id());
    tell(x);
  }

  void make_healthy(bool healthy = true) {
    services->set_healthy(second, 4, healthy);
    pass(options.tick);
  }

  void exit_with(int code) {
    launch_event x;
    x.event.mutable_exited()->set_id(command().id());
    x.event.mutable_exited()->set_code(code);
    tell(x);
  }

  void tell(const launch_event& x) {
    self->send(log->launched[0].observer, x);
    consume_messages();
  }

  void leave() {
    self->send(run, leave_service{});
    consume_messages();
  }

  void pass(std::chrono::milliseconds time) {
    for (; time.count() > 0; time -= options.tick) {
      sched.advance_time(options.tick);
      consume_messages();
    }
  }

  const proto::StartCommand& command() const {
    return log->launched[0].start;
  }

  proto::ServiceStatus status() const {
    return log->news.empty() ? proto::SERVICE_PLACED : log->news.back().status;
  }

  std::string why() const {
    return log->news.back().why;
  }

  temp_folder folder;
  seen_ptr log = std::make_shared<seen>();
  std::shared_ptr<local_services> services = std::make_shared<local_services>();
  launcher_actor launcher;
  instance_observer host;
  process_run_options options;
  process_run_actor run;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(process_run_tests, fixture)

CAF_TEST(a command is told its port and who it is) {
  (*options.start.spec.mutable_environment())["MODE"] = "fast";
  start();
  auto here = services->find(second);
  CAF_REQUIRE(here);
  CAF_CHECK(here->port != 0);
  CAF_CHECK(!here->handle);
  auto port = std::to_string(here->port);
  CAF_CHECK_EQUAL(command().argv(1), "--listen=127.0.0.1:" + port);
  std::map<std::string, std::string> environment;
  for (auto& x : command().environment())
    environment[x.name()] = x.value();
  std::map<std::string, std::string> expected{{"MODE", "fast"},
                                              {"PORT", port},
                                              {"COPPICE_SERVICE", "web"},
                                              {"COPPICE_INSTANCE", "1"},
                                              {"COPPICE_EPOCH", "4"}};
  CAF_CHECK(environment == expected);
  auto output = (folder.path() / "services" / "web-1.log").string();
  CAF_CHECK_EQUAL(command().log_file(), output);
}

CAF_TEST(it is ready as long as it is healthy) {
  start();
  CAF_CHECK_EQUAL(status(), proto::SERVICE_STARTING);
  pass(1s);
  CAF_CHECK_EQUAL(status(), proto::SERVICE_STARTING);
  make_healthy();
  CAF_CHECK_EQUAL(status(), proto::SERVICE_READY);
  make_healthy(false);
  CAF_CHECK_EQUAL(status(), proto::SERVICE_UNHEALTHY);
  CAF_CHECK(!why().empty());
  make_healthy();
  CAF_CHECK_EQUAL(status(), proto::SERVICE_READY);
  auto said = log->news.size();
  pass(1s);
  CAF_CHECK_EQUAL(log->news.size(), said);
}

CAF_TEST(what is not healthy in time after its start is stopped and failed) {
  start();
  pass(4900ms);
  CAF_CHECK(log->stopped.empty());
  pass(200ms);
  CAF_REQUIRE_EQUAL(log->stopped.size(), 1u);
  CAF_CHECK_EQUAL(log->stopped[0].grace_ms(), 3'000u);
  CAF_CHECK(!services->find(second));
  exit_with(0);
  CAF_CHECK_EQUAL(status(), proto::SERVICE_FAILED);
  CAF_CHECK_EQUAL(why().find("it was not healthy in time"), 0u);
}

CAF_TEST(who ends by itself has failed and the end of its output is told) {
  start();
  make_healthy();
  std::ofstream{folder.path() / "services" / "web-1.log"}
    << std::string(1'000, 'x') << "\nlast but one\nno such table\n";
  exit_with(3);
  CAF_CHECK_EQUAL(status(), proto::SERVICE_FAILED);
  CAF_MESSAGE(why());
  CAF_CHECK_EQUAL(why().find("it ended with exit code 3"), 0u);
  auto end = std::string{"ends with: last but one | no such table"};
  auto is_told = why().size() > end.size()
                 && why().substr(why().size() - end.size()) == end;
  CAF_CHECK(is_told);
  CAF_CHECK(!services->find(second));
}

CAF_TEST(a command that cannot be started has failed and says why) {
  launch();
  launch_event x;
  x.event.mutable_not_started()->set_id(command().id());
  x.event.mutable_not_started()->set_reason("there is no such program");
  tell(x);
  CAF_CHECK_EQUAL(status(), proto::SERVICE_FAILED);
  CAF_CHECK_EQUAL(why(), "there is no such program");
  CAF_CHECK(!services->find(second));
}

CAF_TEST(who leaves gets no more requests and answers those that it has) {
  start();
  make_healthy();
  auto busy = services->find(second)->in_flight;
  ++*busy;
  leave();
  CAF_CHECK(!services->find(second));
  pass(1s);
  CAF_CHECK(log->stopped.empty());
  --*busy;
  pass(options.tick);
  CAF_REQUIRE_EQUAL(log->stopped.size(), 1u);
  CAF_CHECK_EQUAL(log->stopped[0].grace_ms(), 3'000u);
  CAF_CHECK(status() != proto::SERVICE_STOPPED);
  exit_with(143);
  CAF_CHECK_EQUAL(status(), proto::SERVICE_STOPPED);
}

CAF_TEST(who leaves does not wait longer than an answer may take) {
  options.start.spec.set_request_timeout_ms(2'000);
  start();
  make_healthy();
  auto busy = services->find(second)->in_flight;
  ++*busy;
  leave();
  pass(1900ms);
  CAF_CHECK(log->stopped.empty());
  pass(200ms);
  CAF_CHECK_EQUAL(log->stopped.size(), 1u);
}

CAF_TEST(who is told to leave before it runs is not offered) {
  launch();
  leave();
  launch_event x;
  x.event.mutable_started()->set_id(command().id());
  tell(x);
  CAF_CHECK(!services->find(second));
  exit_with(0);
  CAF_CHECK_EQUAL(status(), proto::SERVICE_STOPPED);
}

CAF_TEST(a command does not outlive who runs it) {
  start();
  end(run);
  consume_messages();
  CAF_REQUIRE_EQUAL(log->stopped.size(), 1u);
  CAF_CHECK_EQUAL(log->stopped[0].grace_ms(), 0u);
  CAF_CHECK(!services->find(second));
}

CAF_TEST(who is ended is killed and has stopped when it is gone) {
  start();
  make_healthy();
  ++*services->find(second)->in_flight;
  self->send(run, end_service{"it is elsewhere"});
  consume_messages();
  CAF_CHECK(!services->find(second));
  CAF_REQUIRE_EQUAL(log->stopped.size(), 1u);
  CAF_CHECK_EQUAL(log->stopped[0].grace_ms(), 0u);
  pass(1s);
  CAF_CHECK_EQUAL(status(), proto::SERVICE_READY);
  exit_with(137);
  CAF_CHECK_EQUAL(status(), proto::SERVICE_STOPPED);
  CAF_CHECK_EQUAL(why(), "it is elsewhere");
}

CAF_TEST(the launcher knows until when an exclusive command may run) {
  auto now = 100s;
  auto lease = std::make_shared<lease_end>([&] { return now; });
  lease->set(108s);
  options.start.lease = lease;
  start();
  CAF_CHECK_EQUAL(command().ends_at_ns(), 108'000'000'000);
  CAF_CHECK(services->find(second)->may_serve());
  lease->set(110s);
  self->send(run, still_owner{});
  consume_messages();
  CAF_REQUIRE_EQUAL(log->renewed.size(), 1u);
  CAF_CHECK_EQUAL(log->renewed[0].id(), command().id());
  CAF_CHECK_EQUAL(log->renewed[0].ends_at_ns(), 110'000'000'000);
  // The node was frozen, and the launcher has killed it.
  now = 111s;
  CAF_CHECK(!services->find(second)->may_serve());
  exit_with(137);
  CAF_CHECK_EQUAL(status(), proto::SERVICE_STOPPED);
  CAF_CHECK_EQUAL(why(), "its lease was over");
}

CAF_TEST(other commands run without an end) {
  start();
  self->send(run, still_owner{});
  consume_messages();
  CAF_CHECK_EQUAL(command().ends_at_ns(), 0);
  CAF_CHECK(log->renewed.empty());
}

CAF_TEST(without a launcher it has failed) {
  start();
  end(launcher);
  consume_messages();
  CAF_CHECK_EQUAL(status(), proto::SERVICE_FAILED);
  CAF_CHECK_EQUAL(why(), "the launcher is gone");
}

CAF_TEST(output that is large is begun anew) {
  auto file = folder.path() / "services" / "web-1.log";
  std::filesystem::create_directories(file.parent_path());
  std::ofstream{file} << "kept";
  launch();
  CAF_CHECK_EQUAL(std::filesystem::file_size(file), 4u);
  std::filesystem::resize_file(file, (uintmax_t{16} << 20) + 1);
  end(run);
  consume_messages();
  log->launched.clear();
  launch();
  CAF_CHECK_EQUAL(std::filesystem::file_size(file), 0u);
}

CAF_TEST(a process with a state is ready once it has it back) {
  keep_state();
  log->problem = "no";
  start();
  CAF_CHECK_EQUAL(log->restored, 0u);
  log->problem.clear();
  make_healthy();
  CAF_CHECK_EQUAL(log->restored, 1u);
  pass(options.tick);
  CAF_CHECK_EQUAL(status(), proto::SERVICE_READY);
}

CAF_TEST(a process that does not take its state back has failed) {
  keep_state();
  log->problem = "it says 500";
  start();
  make_healthy();
  CAF_REQUIRE_EQUAL(log->stopped.size(), 1u);
  exit_with(0);
  CAF_CHECK_EQUAL(status(), proto::SERVICE_FAILED);
  auto says_why = why().find("it says 500") != std::string::npos;
  CAF_CHECK(says_why);
}

CAF_TEST(a process is not stopped before its state is saved) {
  keep_state();
  start();
  make_healthy();
  pass(options.tick);
  log->problem = "the cluster does not answer";
  leave();
  pass(120s);
  CAF_CHECK(log->stopped.empty());
  CAF_CHECK(log->captured > 60 && log->captured < 130);
  log->problem.clear();
  pass(2s);
  CAF_CHECK_EQUAL(log->stopped.size(), 1u);
}

CAF_TEST(a process whose state cannot be saved is stopped in the end) {
  options.save_patience = 20s;
  keep_state();
  start();
  make_healthy();
  pass(options.tick);
  log->problem = "the cluster does not answer";
  leave();
  pass(options.save_patience + 31s);
  CAF_CHECK_EQUAL(log->stopped.size(), 1u);
}

CAF_TEST(the state is saved after the last answer) {
  keep_state();
  start();
  make_healthy();
  pass(options.tick);
  auto busy = services->find(second)->in_flight;
  *busy = 1;
  leave();
  pass(1s);
  CAF_CHECK_EQUAL(log->captured, 0u);
  *busy = 0;
  pass(options.tick + options.tick);
  CAF_CHECK_EQUAL(log->captured, 1u);
  CAF_CHECK_EQUAL(log->stopped.size(), 1u);
}

CAF_TEST_FIXTURE_SCOPE_END()

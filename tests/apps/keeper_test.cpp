// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/keeper.hpp"

#include "apps/process_tree.hpp"
#include "proto/launcher.pb.h"
#include "runtime/launch/frame.hpp"
#include "runtime/launch/unique_fd.hpp"
#include "runtime/supervise/restart_backoff.hpp"
#include "tests/apps/test_process.hpp"
#include "tests/support/http_socket.hpp"
#include "tests/support/temp_folder.hpp"

#include <caf/test/dsl.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <filesystem>
#include <sstream>
#include <thread>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

using node_function = std::function<int(const node_environment&)>;

// -- what runs in the node ----------------------------------------------------

/// Waits for SIGTERM and returns 0.
int until_terminated(const node_environment& x) {
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigprocmask(SIG_BLOCK, &term, nullptr);
  static_cast<void>(!write(x.ready, "x", 1));
  auto number = 0;
  sigwait(&term, &number);
  return 0;
}

/// Sleeps until somebody kills the process.
int until_killed(const node_environment& x) {
  static_cast<void>(!write(x.ready, "x", 1));
  for (;;)
    pause();
}

/// Has the launcher start *script* in *folder*.
void launch(const node_environment& x, const std::string& folder,
            const std::string& script) {
  proto::LaunchRequest request;
  auto& command = *request.mutable_start();
  command.set_id(1);
  for (auto arg : {"/bin/sh", "-c", script.c_str()})
    command.add_argv(arg);
  command.set_working_folder(folder);
  std::string frame;
  static_cast<void>(append_frame(frame, request));
  static_cast<void>(!write(x.launcher, frame.data(), frame.size()));
}

// -- what the tests share -----------------------------------------------------

struct fixture {
  fixture() {
    config.node.id = "n1";
    config.data.dir = folder.path() / "data";
    config.origins["data.dir"] = "n1.conf:7: data.dir";
    config.keeper.backoff_min = 1ms;
    config.keeper.backoff_max = 10ms;
    for (auto name : {"member", "daemon", "hidden"})
      std::ofstream{path(std::string{name} + ".sh")}
        << "trap '' TERM HUP INT\necho $$ > " << name
        << "\nwhile :; do sleep 1; done\n";
  }

  /// Starts a keeper in a process of its own; its lines go to the file *log*.
  std::unique_ptr<test::child_process> keep(const node_function& node,
                                            const std::string& log = "log") {
    auto child = std::make_unique<test::child_process>([this, &node, &log] {
      auto fd = open(path(log).c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      dup2(fd, STDERR_FILENO);
      return run_keeper(config, std::move(http),
                        [&](const node_environment& x) {
                          add_line("starts", std::to_string(x.incarnation) + " "
                                               + std::to_string(getpid()));
                          return node(x);
                        });
    });
    // As good as moved: it is the keeper's now.
    http.reset();
    return child;
  }

  /// Starts the three stubborn scripts as a command of *x*.
  void launch_stubborn(const node_environment& x) const {
    launch(x, folder.path(),
           "sh member.sh & (setsid sh daemon.sh &); (setsid env -i sh"
           " hidden.sh &); while :; do sleep 1; done");
  }

  /// Writes "alive" or "dead" for each stubborn script that has run.
  void report_stubborn() const {
    for (auto name : {"member", "daemon", "hidden"}) {
      std::ifstream in{path(name)};
      if (pid_t pid = 0; in >> pid)
        add_line("report", test::is_alive(pid) ? "alive" : "dead");
    }
  }

  /// Waits until all stubborn scripts run and returns their pids.
  std::vector<pid_t> stubborn() const {
    std::vector<pid_t> result;
    for (auto name : {"member", "daemon", "hidden"})
      result.push_back(test::pid_in(path(name)));
    return result;
  }

  std::string path(const std::string& name) const {
    return (folder.path() / name).string();
  }

  void add_line(const std::string& file, const std::string& line) const {
    std::ofstream{path(file), std::ios::app} << line << std::endl;
  }

  std::string contents(const std::string& file) const {
    std::ifstream in{path(file)};
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }

  bool has_logged(const std::string& text, const std::string& log = "log") {
    return contents(log).find(text) != std::string::npos;
  }

  struct node_start {
    uint64_t incarnation;
    pid_t pid;
  };

  std::vector<node_start> starts() const {
    std::vector<node_start> result;
    std::istringstream in{contents("starts")};
    for (node_start x{}; in >> x.incarnation >> x.pid;)
      result.push_back(x);
    return result;
  }

  /// Waits for the start number *n* and returns the node's pid.
  pid_t start_number(size_t n) {
    auto text = "node is ready";
    CAF_REQUIRE(test::eventually([&] {
      size_t count = 0;
      auto log = contents("log");
      for (auto i = log.find(text); i != std::string::npos;
           i = log.find(text, i + 1))
        ++count;
      return count >= n && starts().size() >= n;
    }));
    return starts()[n - 1].pid;
  }

  test::temp_folder folder;
  node_config config;
  /// What the next keeper has for the clients of its node.
  unique_fd http;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(keeper_tests, fixture)

CAF_TEST(a node that stops stops its keeper) {
  auto keeper = keep([](auto&) { return 0; });
  CAF_CHECK_EQUAL(keeper->wait(), 0);
  CAF_CHECK_EQUAL(starts().size(), 1u);
}

CAF_TEST(a node that cannot run as configured is not started again) {
  auto keeper = keep([](auto&) { return 2; });
  CAF_CHECK_EQUAL(keeper->wait(), 2);
  CAF_CHECK_EQUAL(starts().size(), 1u);
}

CAF_TEST(a crash starts a new incarnation with a higher number) {
  auto keeper = keep([this](auto&) {
    auto n = starts().size();
    if (n == 1)
      return 1;
    if (n == 2)
      abort();
    return 0;
  });
  CAF_CHECK_EQUAL(keeper->wait(), 0);
  auto xs = starts();
  CAF_REQUIRE_EQUAL(xs.size(), 3u);
  CAF_CHECK_LESS(xs[0].incarnation, xs[1].incarnation);
  CAF_CHECK_LESS(xs[1].incarnation, xs[2].incarnation);
  CAF_CHECK(has_logged("node ended with exit code 1"));
  CAF_CHECK(has_logged("node ended with signal 6 (Aborted)"));
}

CAF_TEST(a planned regeneration does not wait) {
  config.keeper.min_uptime = 0ms;
  config.keeper.backoff_min = 1h;
  config.keeper.backoff_max = 1h;
  auto keeper = keep([this](auto&) { return starts().size() < 4 ? 75 : 0; });
  CAF_CHECK_EQUAL(keeper->wait(), 0);
  CAF_CHECK_EQUAL(starts().size(), 4u);
}

CAF_TEST(a keeper gives up after too many crashes) {
  config.keeper.max_restarts = 2;
  auto keeper = keep([](auto&) { return 70; });
  CAF_CHECK_EQUAL(keeper->wait(), 1);
  CAF_CHECK_EQUAL(starts().size(), 3u);
  CAF_CHECK(has_logged("error [keeper] gives up: exit code 70; crash 3 within"
                       " 600 s is one too many"));
}

CAF_TEST(a stop is handed to the node) {
  for (auto signal : {SIGTERM, SIGINT, SIGHUP}) {
    auto n = starts().size() + 1;
    auto keeper = keep(until_terminated);
    start_number(n);
    keeper->signal(signal);
    CAF_CHECK_EQUAL(keeper->wait(), 0);
    CAF_CHECK_EQUAL(starts().size(), n);
  }
}

CAF_TEST(clients wait for the next incarnation and for none after a stop) {
  http = unique_fd{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  CAF_REQUIRE_EQUAL(listen(http.get(), 16), 0);
  sockaddr_in where{};
  socklen_t size = sizeof(where);
  getsockname(http.get(), reinterpret_cast<sockaddr*>(&where), &size);
  auto port = ntohs(where.sin_port);
  config.keeper.stop_timeout = 1h;
  auto keeper = keep([this](const node_environment& x) {
    if (starts().size() == 1)
      return int{node_exit::regenerate};
    auto client = accept(x.http, nullptr, nullptr);
    std::string text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    static_cast<void>(!write(client, text.data(), text.size()));
    close(client);
    close(x.http);
    auto code = until_terminated(x);
    // It ends when it has been seen that nobody listens while it stops.
    while (!std::filesystem::exists(path("seen")))
      std::this_thread::sleep_for(1ms);
    return code;
  });
  test::http_socket client{port};
  CAF_CHECK(client.connected());
  CAF_CHECK_EQUAL(client.read().body, "hello");
  start_number(1);
  keeper->signal(SIGTERM);
  CAF_CHECK(
    test::eventually([&] { return !test::http_socket{port}.connected(); }));
  add_line("seen", "yes");
  CAF_CHECK_EQUAL(keeper->wait(), 0);
}

CAF_TEST(a node that does not stop is killed) {
  config.keeper.stop_timeout = 50ms;
  auto keeper = keep([](const node_environment& x) {
    signal(SIGTERM, SIG_IGN);
    return until_killed(x);
  });
  auto node = start_number(1);
  keeper->signal(SIGTERM);
  CAF_CHECK_EQUAL(keeper->wait(), 1);
  CAF_CHECK(!test::is_alive(node));
  CAF_CHECK(has_logged("kills the node: it does not stop"));
}

CAF_TEST(a stop ends the pause before a restart) {
  config.keeper.backoff_min = 1h;
  config.keeper.backoff_max = 1h;
  auto keeper = keep([](auto&) { return 1; });
  CAF_REQUIRE(test::eventually([&] { return has_logged("again in 3600000"); }));
  keeper->signal(SIGTERM);
  CAF_CHECK_EQUAL(keeper->wait(), 0);
  CAF_CHECK_EQUAL(starts().size(), 1u);
}

CAF_TEST(the next incarnation starts when nothing of the last one lives) {
  auto keeper = keep([this](const node_environment& x) {
    report_stubborn();
    if (starts().size() == 1)
      launch_stubborn(x);
    return until_terminated(x);
  });
  auto node = start_number(1);
  stubborn();
  kill(node, SIGKILL);
  start_number(2);
  CAF_CHECK_EQUAL(contents("report"), "dead\ndead\ndead\n");
  keeper->signal(SIGTERM);
  CAF_CHECK_EQUAL(keeper->wait(), 0);
}

CAF_TEST(the next incarnation is clean also after the launcher died) {
  auto keeper = keep([this](const node_environment& x) {
    report_stubborn();
    if (starts().size() == 1)
      launch_stubborn(x);
    return until_terminated(x);
  });
  auto node = start_number(1);
  stubborn();
  for (auto pid : children_of(keeper->pid())) {
    if (pid != node)
      kill(pid, SIGKILL);
  }
  start_number(2);
  CAF_CHECK(!test::is_alive(node));
  CAF_CHECK_EQUAL(contents("report"), "dead\ndead\ndead\n");
  CAF_CHECK(has_logged("kills the node: it cannot run without a launcher"));
  keeper->signal(SIGTERM);
  CAF_CHECK_EQUAL(keeper->wait(), 0);
}

CAF_TEST(with the keeper everything dies and then the folder is free) {
  node_function node = [this](const node_environment& x) {
    report_stubborn();
    if (starts().size() == 1)
      launch_stubborn(x);
    return until_terminated(x);
  };
  auto first = keep(node);
  auto pid = start_number(1);
  auto commands = stubborn();
  first->signal(SIGKILL);
  // At once: it has to wait for what the first one has left.
  auto second = keep(node);
  start_number(2);
  CAF_CHECK_EQUAL(contents("report"), "dead\ndead\ndead\n");
  commands.push_back(pid);
  for (auto x : commands)
    CAF_CHECK(!test::is_alive(x));
  second->signal(SIGTERM);
  CAF_CHECK_EQUAL(second->wait(), 0);
}

CAF_TEST(keeper and node can be killed again and again) {
  config.keeper.max_restarts = 1000;
  node_function node = [this](const node_environment& x) {
    report_stubborn();
    for (auto name : {"member", "daemon", "hidden"})
      unlink(path(name).c_str());
    launch_stubborn(x);
    return until_terminated(x);
  };
  auto keeper = keep(node);
  for (size_t i = 1; i <= 10; ++i) {
    auto pid = start_number(i);
    stubborn();
    if (i % 2 == 0)
      keeper->signal(SIGKILL);
    kill(pid, SIGKILL);
    if (i % 2 == 0)
      keeper = keep(node);
  }
  start_number(11);
  CAF_CHECK_EQUAL(contents("report").find("alive"), std::string::npos);
  keeper->signal(SIGTERM);
  CAF_CHECK_EQUAL(keeper->wait(), 0);
}

CAF_TEST(a second keeper on the same folder is refused at once) {
  auto first = keep(until_terminated);
  start_number(1);
  auto second = keep(until_terminated, "second");
  CAF_CHECK_EQUAL(second->wait(), 2);
  CAF_CHECK_EQUAL(contents("second"), "coppice node: n1.conf:7: data.dir: '"
                                        + config.data.dir.string()
                                        + "' is in use by the node of process "
                                        + std::to_string(first->pid())
                                        + "; stop it, or choose another "
                                          "folder\n");
  CAF_CHECK_EQUAL(starts().size(), 1u);
  first->signal(SIGTERM);
  CAF_CHECK_EQUAL(first->wait(), 0);
}

CAF_TEST(a folder of a newer version is refused) {
  std::filesystem::create_directories(config.data.dir);
  std::ofstream{config.data.dir / "VERSION"} << "999\n";
  auto keeper = keep(until_terminated);
  CAF_CHECK_EQUAL(keeper->wait(), 2);
  CAF_CHECK(has_logged("n1.conf:7: data.dir: '" + config.data.dir.string()
                       + "' was written by a newer version"));
  CAF_CHECK(!std::filesystem::exists(config.data.dir / "keeper.lock"));
  CAF_CHECK_EQUAL(starts().size(), 0u);
}

CAF_TEST(a node has its own name and group and default signals) {
  auto keeper = keep([this](const node_environment& x) {
    std::ifstream in{"/proc/self/status"};
    for (std::string line; std::getline(in, line);) {
      if (line.starts_with("Name:") || line.starts_with("SigBlk:")
          || line.starts_with("SigIgn:"))
        add_line("status", line.substr(line.find('\t') + 1));
    }
    add_line("status", getpgrp() == getpid() ? "own group" : "other group");
    add_line("status", x.keeper == getppid() ? "its keeper" : "a stranger");
    return 0;
  });
  CAF_CHECK_EQUAL(keeper->wait(), 0);
  CAF_CHECK_EQUAL(contents("status"), "coppice-node\n0000000000000000\n"
                                      "0000000000000000\nown group\n"
                                      "its keeper\n");
}

CAF_TEST(the service manager is told) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  auto name = path("notify");
  name.copy(address.sun_path, sizeof(address.sun_path) - 1);
  unique_fd manager{socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  CAF_REQUIRE_EQUAL(
    bind(manager.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)),
    0);
  auto next = [&] {
    pollfd fd{manager.get(), POLLIN, 0};
    char buffer[64];
    auto ms = std::chrono::milliseconds{test::patience}.count();
    if (poll(&fd, 1, static_cast<int>(ms)) != 1)
      return std::string{"nothing"};
    auto n = recv(manager.get(), buffer, sizeof(buffer), 0);
    return std::string(buffer, static_cast<size_t>(n));
  };
  setenv("NOTIFY_SOCKET", name.c_str(), 1);
  auto keeper = keep(until_terminated);
  unsetenv("NOTIFY_SOCKET");
  CAF_CHECK_EQUAL(next(), "READY=1");
  keeper->signal(SIGTERM);
  CAF_CHECK_EQUAL(next(), "STOPPING=1");
  CAF_CHECK_EQUAL(keeper->wait(), 0);
}

CAF_TEST_FIXTURE_SCOPE_END()

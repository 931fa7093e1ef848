// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/keeper.hpp"

#include "apps/keeper_lock.hpp"
#include "apps/keeper_notify.hpp"
#include "apps/launcher.hpp"
#include "apps/process_tree.hpp"
#include "config/data_folder.hpp"
#include "runtime/launch/unique_fd.hpp"
#include "runtime/supervise/restart_backoff.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <optional>
#include <string>
#include <utility>

namespace coppice {

namespace {

using namespace std::chrono_literals;

using steady = std::chrono::steady_clock;

/// How long a launcher of a dead keeper may take to kill its commands.
constexpr auto lock_patience = 10s;

/// Pause before it is looked again whether a full disk has room.
constexpr auto disk_pause = 500ms;

/// After this long without an end the launcher is taken for stuck.
constexpr auto launcher_patience = 30s;

/// Prints a line in the node's own format. No logger: it would have to be
/// taken apart after each fork.
void print(const char* level, const std::string& text) {
  auto now = std::chrono::system_clock::now();
  auto seconds = std::chrono::system_clock::to_time_t(now);
  auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(
              now.time_since_epoch())
              .count()
            % 1000;
  tm local{};
  localtime_r(&seconds, &local);
  std::array<char, 32> stamp{};
  std::strftime(stamp.data(), stamp.size(), "%F %T", &local);
  std::fprintf(stderr, "%s.%03d %s [keeper] %s\n", stamp.data(),
               static_cast<int>(ms), level, text.c_str());
}

std::string last_error(const std::string& what) {
  return what + ": " + std::strerror(errno);
}

process_exit exit_of(int wait_status) {
  if (WIFSIGNALED(wait_status))
    return {WTERMSIG(wait_status), true};
  return {WEXITSTATUS(wait_status), false};
}

restart_limits limits_of(const node_config::keeper_section& x) {
  return {x.min_uptime, x.backoff_min, x.backoff_max, x.max_restarts, x.period};
}

// -- signals ------------------------------------------------------------------

/// Takes signals as data, from a descriptor, while it lives.
class signal_watch {
public:
  signal_watch() {
    // Ignored it would reap by itself, and it may come to us ignored.
    signal(SIGCHLD, SIG_DFL);
    // Whoever reads our lines may go away; the node shall run on.
    signal(SIGPIPE, SIG_IGN);
    sigset_t watched;
    sigemptyset(&watched);
    for (auto x : {SIGCHLD, SIGTERM, SIGINT, SIGHUP})
      sigaddset(&watched, x);
    sigprocmask(SIG_BLOCK, &watched, &before_);
    fd_ = unique_fd{signalfd(-1, &watched, SFD_NONBLOCK | SFD_CLOEXEC)};
  }

  /// Gives a fork back what the program started with.
  void undo() {
    fd_.reset();
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &before_, nullptr);
  }

  /// Returns the next signal, or 0.
  int next() {
    signalfd_siginfo info{};
    return read(fd_.get(), &info, sizeof(info)) == sizeof(info)
             ? static_cast<int>(info.ssi_signo)
             : 0;
  }

  int fd() const noexcept {
    return fd_.get();
  }

private:
  unique_fd fd_;
  sigset_t before_{};
};

// -- keeper -------------------------------------------------------------------

/// The keeper: starts, watches, cleans up, decides; one incarnation at a time.
class keeper {
public:
  using node_function = std::function<int(const node_environment&)>;

  keeper(const node_config& config, const node_function& run_node, int lock,
         unique_fd http)
    : config_(config),
      run_node_(run_node),
      lock_(lock),
      http_(std::move(http)),
      backoff_(limits_of(config.keeper)) {}

  int run() {
    for (;;) {
      auto number = take_number();
      if (stopping_)
        return stopped({});
      auto start_time = steady::now();
      auto end = start(number) ? watch() : process_exit{1, false};
      auto uptime = std::chrono::duration_cast<std::chrono::milliseconds>(
        steady::now() - start_time);
      clean_up();
      if (stopping_)
        return stopped(end);
      auto next = backoff_.decide(end, uptime, steady::now());
      if (next.action == restart_decision::action_type::stop)
        return gave_up(next);
      announce(next);
      if (!pause(next.delay))
        return stopped({});
    }
  }

private:
  // -- start ------------------------------------------------------------------

  /// Takes the number of the next incarnation. A full disk is no crash, of
  /// which only so many are allowed: that there is room again is waited for.
  result<uint64_t> take_number() {
    for (auto told = false;; told = true) {
      auto number
        = next_incarnation(config_.data.dir, std::chrono::system_clock::now());
      if (number || !is_disk_full(config_.data.dir))
        return number;
      if (!told)
        print("error", number.error().message
                         + "; the node starts when there is free space");
      if (!pause(disk_pause))
        return number;
    }
  }

  bool start(const result<uint64_t>& number) {
    int sockets[2];
    int ready[2];
    if (!number) {
      print("error", number.error().message);
      return false;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) {
      print("error", last_error("cannot make a socket pair"));
      return false;
    }
    unique_fd node_end{sockets[0]};
    unique_fd launcher_end{sockets[1]};
    if (pipe2(ready, O_CLOEXEC) != 0) {
      print("error", last_error("cannot make a pipe"));
      return false;
    }
    ready_ = unique_fd{ready[0]};
    unique_fd ready_end{ready[1]};
    launcher_ = fork_launcher(launcher_end.get());
    launcher_end.reset();
    node_ = fork_node(
      {node_end.get(), ready_end.get(), http_.get(), number.value(), getpid()});
    print("info", "started incarnation " + std::to_string(number.value())
                    + " of node " + config_.node.id + " as process "
                    + std::to_string(node_));
    return launcher_ > 0 && node_ > 0;
  }

  pid_t fork_launcher(int socket) {
    auto pid = fork();
    if (pid == 0) {
      http_.reset();
      _exit(run_launcher(socket, lock_));
    }
    if (pid < 0)
      print("error", last_error("cannot fork the launcher"));
    return pid;
  }

  pid_t fork_node(const node_environment& environment) {
    auto pid = fork();
    if (pid == 0)
      become_node(environment);
    if (pid < 0)
      print("error", last_error("cannot fork the node"));
    return pid;
  }

  [[noreturn]] void become_node(const node_environment& environment) {
    prctl(PR_SET_NAME, node_name);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // The keeper may have died before the line above.
    if (getppid() != environment.keeper)
      _exit(node_exit::gave_up);
    // A group of its own: Ctrl-C is for the keeper, which then stops the node.
    setpgid(0, 0);
    signals_.undo();
    ready_.reset();
    auto code = run_node_(environment);
    std::fflush(nullptr);
    // Not exit: what the program had open at the fork is the keeper's.
    _exit(code);
  }

  // -- watch ------------------------------------------------------------------

  /// Waits for the end of the node.
  process_exit watch() {
    while (!node_end_) {
      wait_for_something(stop_deadline_);
      handle_signals();
      handle_ready();
      if (stop_deadline_ && steady::now() >= *stop_deadline_)
        kill_node("does not stop");
    }
    auto result = *node_end_;
    print(result == process_exit{} ? "info" : "warn",
          "node ended with " + to_string(result));
    return result;
  }

  void wait_for_something(std::optional<steady::time_point> deadline) {
    is_ready_readable_ = false;
    auto timeout = -1;
    if (deadline) {
      auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline
                                                               - steady::now());
      timeout = static_cast<int>(std::clamp<int64_t>(left.count(), 0, 60'000));
    }
    // A negative descriptor is left out.
    std::array<pollfd, 2> fds{pollfd{signals_.fd(), POLLIN, 0},
                              pollfd{ready_.get(), POLLIN, 0}};
    if (poll(fds.data(), fds.size(), timeout) < 0)
      return;
    is_ready_readable_ = fds[1].revents != 0;
  }

  void handle_signals() {
    while (auto number = signals_.next()) {
      if (number == SIGCHLD)
        reap();
      else
        begin_stop(number);
    }
  }

  void reap() {
    for (;;) {
      auto status = 0;
      auto pid = waitpid(-1, &status, WNOHANG);
      if (pid <= 0)
        return;
      if (pid == node_)
        node_end_ = exit_of(status);
      else if (pid == launcher_)
        on_launcher_end(status);
    }
  }

  void on_launcher_end(int status) {
    launcher_ = -1;
    if (node_end_)
      return; // It has seen the node go, too.
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
      // So it has seen the node's end of the socket go: the node is ending,
      // and if it is not, it has to. A process that exits keeps its code.
      if (node_ > 0)
        kill(node_, SIGKILL);
      return;
    }
    print("warn", "launcher ended with " + to_string(exit_of(status)));
    kill_node("cannot run without a launcher");
  }

  void begin_stop(int number) {
    if (stopping_)
      return;
    stopping_ = true;
    print("info", "stops the node: " + to_string(process_exit{number, true}));
    notify_service_manager("STOPPING=1");
    // Nobody will come to serve who waits.
    http_.reset();
    if (node_end_ || node_ <= 0)
      return;
    kill(node_, SIGTERM);
    stop_deadline_ = steady::now() + config_.keeper.stop_timeout;
  }

  void kill_node(const char* why) {
    stop_deadline_.reset();
    if (node_end_ || node_ <= 0)
      return;
    print("warn", std::string{"kills the node: it "} + why);
    kill(node_, SIGKILL);
  }

  void handle_ready() {
    if (!ready_ || !is_ready_readable_)
      return;
    char byte = 0;
    if (read(ready_.get(), &byte, 1) == 1) {
      print("info", "node is ready");
      notify_service_manager("READY=1");
    }
    ready_.reset();
  }

  // -- clean up ---------------------------------------------------------------

  /// Returns when nothing of the incarnation lives.
  void clean_up() {
    ready_.reset();
    // Only after a start that failed half-way.
    if (node_ > 0 && !node_end_)
      kill(node_, SIGKILL);
    wait_for_launcher();
    // What a launcher that was killed has left comes to us.
    kill_descendants();
    node_ = -1;
    launcher_ = -1;
    node_end_.reset();
    stop_deadline_.reset();
  }

  /// The launcher kills all commands and ends, because the node is gone.
  void wait_for_launcher() {
    auto deadline = steady::now() + launcher_patience;
    while (launcher_ > 0 && steady::now() < deadline) {
      wait_for_something(deadline);
      handle_signals();
    }
    if (launcher_ <= 0)
      return;
    print("warn", "kills the launcher: it does not end");
    kill(launcher_, SIGKILL);
  }

  // -- what follows -----------------------------------------------------------

  int stopped(process_exit end) {
    // A node that was still starting, or was about to start anew, is stopped as
    // well.
    auto is_orderly = end == process_exit{node_exit::stop, false}
                      || end == process_exit{node_exit::regenerate, false}
                      || end == process_exit{SIGTERM, true};
    print("info", is_orderly ? "stopped" : "stopped, not in order");
    return is_orderly ? 0 : 1;
  }

  int gave_up(const restart_decision& x) {
    print(x.exit_code == 0 ? "info" : "error",
          (x.exit_code == 0 ? "ends: node " : "gives up: ") + x.reason);
    return x.exit_code;
  }

  void announce(const restart_decision& x) {
    auto when = x.delay.count() == 0
                  ? std::string{"at once"}
                  : "in " + std::to_string(x.delay.count()) + " ms";
    print("info", "starts the node again " + when + ": " + x.reason);
  }

  /// Waits, but not longer than until the keeper is told to stop.
  bool pause(std::chrono::milliseconds delay) {
    auto deadline = steady::now() + delay;
    handle_signals();
    while (!stopping_ && steady::now() < deadline) {
      wait_for_something(deadline);
      handle_signals();
    }
    return !stopping_;
  }

  // -- member variables -------------------------------------------------------

  const node_config& config_;
  const node_function& run_node_;
  int lock_;
  unique_fd http_;
  signal_watch signals_;
  restart_backoff backoff_;

  pid_t node_ = -1;
  pid_t launcher_ = -1;
  /// Read end of the pipe by which the node says that it is ready.
  unique_fd ready_;
  bool is_ready_readable_ = false;
  std::optional<process_exit> node_end_;
  bool stopping_ = false;
  std::optional<steady::time_point> stop_deadline_;
};

result<unique_fd> take_data_folder(const node_config& config) {
  if (auto made = create_data_folder(config.data.dir); !made)
    return made.error();
  return lock_data_folder(config.data.dir, lock_patience);
}

} // namespace

int run_keeper(const node_config& config, unique_fd http,
               const std::function<int(const node_environment&)>& run_node) {
  prctl(PR_SET_NAME, keeper_name);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  auto lock = take_data_folder(config);
  if (!lock) {
    std::fprintf(stderr, "coppice node: %s: %s\n",
                 config.where("data.dir").c_str(),
                 lock.error().message.c_str());
    return node_exit::usage;
  }
  return keeper{config, run_node, lock.value().get(), std::move(http)}.run();
}

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/launcher.hpp"

#include "apps/launcher_channel.hpp"
#include "apps/launcher_command.hpp"
#include "apps/process_tree.hpp"
#include "runtime/boot_time.hpp"
#include "runtime/utf8.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace coppice {

namespace {

using namespace std::chrono_literals;

using clock = std::chrono::steady_clock;

/// How long a process that is no longer known to belong to a command may keep
/// its progress pipe open.
constexpr auto drain_time = 200ms;

constexpr auto never = std::chrono::nanoseconds::max();

uint64_t microseconds(const timeval& x) {
  return static_cast<uint64_t>(x.tv_sec) * 1'000'000
         + static_cast<uint64_t>(x.tv_usec);
}

proto::LaunchEvent not_started(uint64_t id, const std::string& reason) {
  proto::LaunchEvent x;
  x.mutable_not_started()->set_id(id);
  // Paths come in here as they are, and a protobuf string must be UTF-8.
  x.mutable_not_started()->set_reason(to_valid_utf8(reason));
  return x;
}

proto::LaunchEvent exited(const launcher_command& command) {
  proto::LaunchEvent result;
  auto& x = *result.mutable_exited();
  auto& end = *command.end;
  x.set_id(command.id);
  if (WIFSIGNALED(end.wait_status)) {
    x.set_signal(WTERMSIG(end.wait_status));
    x.set_core_dumped(WCOREDUMP(end.wait_status));
  } else {
    x.set_code(WEXITSTATUS(end.wait_status));
  }
  x.set_user_time_us(microseconds(end.usage.ru_utime));
  x.set_system_time_us(microseconds(end.usage.ru_stime));
  x.set_max_resident_bytes(static_cast<uint64_t>(end.usage.ru_maxrss) * 1024);
  return result;
}

/// The launcher: one loop over poll, no thread, nothing that blocks.
class launcher {
public:
  launcher(int socket, int signals, rlimit open_files)
    : node_(socket),
      signals_(signals),
      open_files_(open_files) {}

  /// Serves the node until it is gone.
  void run() {
    while (node_.connected())
      turn();
  }

private:
  // -- the loop ---------------------------------------------------------------

  void turn() {
    auto fds = poll_set();
    auto n = poll(fds.data(), fds.size(), poll_timeout());
    if (n < 0 && errno != EINTR)
      return node_.disconnect("poll failed");
    if (fds[0].revents & (POLLIN | POLLHUP | POLLERR))
      read_requests();
    for (auto& [id, x] : commands_)
      read_pipes(x);
    if (fds[1].revents & POLLIN)
      reap();
    act_on_time();
    finish_commands();
    node_.flush();
  }

  std::vector<pollfd> poll_set() const {
    std::vector<pollfd> result;
    auto add = [&](int fd, int events) {
      result.push_back({fd, static_cast<short>(events), 0});
    };
    add(node_.socket(), node_.poll_events());
    add(signals_, POLLIN);
    for (auto& [id, x] : commands_) {
      if (x.exec_status)
        add(x.exec_status.get(), POLLIN);
      if (x.progress && !node_.is_congested())
        add(x.progress.get(), POLLIN);
    }
    return result;
  }

  int poll_timeout() const {
    auto first = clock::time_point::max();
    for (auto& [id, x] : commands_) {
      first = std::min(first, x.kill_at.value_or(first));
      if (!node_.is_congested())
        first = std::min(first, x.drain_until.value_or(first));
    }
    auto end = first_end();
    if (first == clock::time_point::max() && end == never)
      return -1;
    auto wait = std::min<std::chrono::nanoseconds>(first - clock::now(),
                                                   end - read_boot_time());
    auto ms = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
    return static_cast<int>(std::clamp<int64_t>(ms, 0, 60'000));
  }

  /// Returns when a command ends next that nobody renews.
  std::chrono::nanoseconds first_end() const {
    auto first = never;
    for (auto& [id, x] : commands_)
      if (x.ends_at.count() > 0 && !x.end)
        first = std::min(first, x.ends_at);
    return first;
  }

  // -- requests ---------------------------------------------------------------

  void read_requests() {
    for (auto& x : node_.receive())
      if (node_.connected())
        handle(x);
  }

  void handle(const proto::LaunchRequest& x) {
    if (x.has_start())
      start(x.start());
    else if (x.has_stop())
      stop(x.stop());
    else if (x.has_renew())
      renew(x.renew());
    else
      node_.disconnect("the node sent an unknown request");
  }

  void start(const proto::StartCommand& x) {
    if (commands_.contains(x.id()))
      return node_.disconnect("the node used an id twice");
    auto command = start_command(x, open_files_);
    if (command)
      commands_.emplace(x.id(), std::move(command).value());
    else
      node_.send(not_started(x.id(), command.error().message));
  }

  void stop(const proto::StopCommand& x) {
    auto i = commands_.find(x.id());
    // It may have ended while the request was under way.
    if (i == commands_.end() || i->second.end)
      return;
    auto& command = i->second;
    constexpr uint64_t longest = 24 * 3600 * 1000;
    auto grace = std::chrono::milliseconds{std::min(x.grace_ms(), longest)};
    auto at = clock::now() + grace;
    command.kill_at = std::min(at, command.kill_at.value_or(at));
    command.wants_term = true;
    if (!command.exec_status)
      terminate(command);
  }

  void renew(const proto::RenewCommand& x) {
    auto i = commands_.find(x.id());
    if (i != commands_.end() && i->second.ends_at > read_boot_time())
      i->second.ends_at = std::chrono::nanoseconds{x.ends_at_ns()};
  }

  void terminate(launcher_command& x) {
    kill(-x.pid, SIGTERM);
    // A stopped process would sleep through the grace.
    kill(-x.pid, SIGCONT);
  }

  // -- pipes ------------------------------------------------------------------

  void read_pipes(launcher_command& x) {
    if (x.exec_status)
      check_exec(x);
    if (x.progress && !x.exec_status && !node_.is_congested())
      read_progress(x);
  }

  void check_exec(launcher_command& x) {
    read_exec_status(x);
    if (x.exec_status || !x.failure.empty())
      return;
    proto::LaunchEvent event;
    event.mutable_started()->set_id(x.id);
    event.mutable_started()->set_pid(x.pid);
    node_.send(event);
    if (x.wants_term && !x.end)
      terminate(x);
  }

  /// Reads what is there, a piece at a time, so that one command that writes
  /// without end does not keep the others waiting.
  void read_progress(launcher_command& x) {
    std::array<char, 65536> buffer;
    auto n = read(x.progress.get(), buffer.data(), buffer.size());
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
      return;
    std::vector<line_cutter::line> lines;
    if (n > 0)
      x.lines.append({buffer.data(), static_cast<size_t>(n)}, lines);
    else
      close_progress(x, lines);
    send_lines(x, lines);
  }

  void close_progress(launcher_command& x,
                      std::vector<line_cutter::line>& lines) {
    x.lines.finish(lines);
    x.progress.reset();
  }

  void send_lines(const launcher_command& x,
                  const std::vector<line_cutter::line>& lines) {
    for (auto& line : lines) {
      proto::LaunchEvent event;
      event.mutable_line()->set_id(x.id);
      event.mutable_line()->set_text(line.text);
      event.mutable_line()->set_truncated(line.truncated);
      node_.send(event);
    }
  }

  // -- ends of processes ------------------------------------------------------

  void reap() {
    std::array<signalfd_siginfo, 16> ignored;
    while (read(signals_, ignored.data(), sizeof(ignored)) > 0)
      ; // How many there were says nothing: they are merged.
    for (;;) {
      siginfo_t info{};
      auto failed = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);
      if (failed || info.si_pid == 0)
        break;
      reap_one(info.si_pid);
    }
    kill_strays();
  }

  void reap_one(pid_t pid) {
    // As long as the leader is not reaped, its pid names this group only.
    if (leaders_contain(pid))
      kill(-pid, SIGKILL);
    launcher_command::ending end;
    if (wait4(pid, &end.wait_status, WNOHANG, &end.usage) != pid)
      return;
    for (auto& [id, x] : commands_) {
      if (x.pid == pid && !x.end) {
        x.end = end;
        x.kill_at.reset();
      }
    }
  }

  bool leaders_contain(pid_t pid) const {
    return std::any_of(commands_.begin(), commands_.end(), [&](auto& entry) {
      return entry.second.pid == pid && !entry.second.end;
    });
  }

  /// Kills what has left its command's group and outlives the command. Such a
  /// process has become a child of ours, and its environment says whose it was.
  void kill_strays() {
    strays_of_.clear();
    auto running = std::count_if(commands_.begin(), commands_.end(),
                                 [](auto& x) { return !x.second.end; });
    auto children = children_of(getpid());
    if (children.size() == static_cast<size_t>(running))
      return;
    for (auto pid : children) {
      if (leaders_contain(pid))
        continue;
      auto owner = environment_of(pid, launch_id_variable);
      // Who hides its origin lives on only while it may belong to somebody.
      if (is_running(owner) || (owner.empty() && running > 0))
        continue;
      strays_of_.insert(owner);
      kill_tree(pid);
    }
  }

  bool is_running(const std::string& id) const {
    return std::any_of(commands_.begin(), commands_.end(), [&](auto& entry) {
      return !entry.second.end && std::to_string(entry.first) == id;
    });
  }

  // -- time and last events ---------------------------------------------------

  void act_on_time() {
    auto now = clock::now();
    auto since_start = read_boot_time();
    for (auto& [id, x] : commands_) {
      auto is_over = x.ends_at.count() > 0 && since_start >= x.ends_at;
      auto is_late = x.kill_at && now >= *x.kill_at;
      if (x.end || (!is_over && !is_late))
        continue;
      // Before its setsid the child is in our own group, and so is its pid.
      kill(-x.pid, SIGKILL);
      kill(x.pid, SIGKILL);
      x.kill_at.reset();
      x.ends_at = {};
    }
  }

  void finish_commands() {
    for (auto i = commands_.begin(); i != commands_.end();) {
      auto& x = i->second;
      if (x.end && is_over(x)) {
        node_.send(x.failure.empty() ? exited(x)
                                     : not_started(x.id, x.failure));
        i = commands_.erase(i);
      } else {
        ++i;
      }
    }
  }

  /// Returns whether nothing of *x* is left and nothing more will come.
  bool is_over(launcher_command& x) {
    // Orphans of the group come to us and are reaped; then it is empty. One
    // that may not be killed (setuid) is not waited for.
    x.group_gone = x.group_gone || kill(-x.pid, 0) != 0;
    if (!x.group_gone || strays_of_.contains(std::to_string(x.id)))
      return false;
    if (x.exec_status)
      check_exec(x);
    if (!x.progress)
      return true;
    if (node_.is_congested())
      return false;
    if (!x.drain_until)
      x.drain_until = clock::now() + drain_time;
    if (clock::now() < *x.drain_until)
      return false;
    std::vector<line_cutter::line> lines;
    close_progress(x, lines);
    send_lines(x, lines);
    return true;
  }

  // -- member variables -------------------------------------------------------

  launcher_channel node_;
  int signals_;
  /// What commands get that have no limit of their own.
  rlimit open_files_;
  std::map<uint64_t, launcher_command> commands_;
  /// Ids of commands of which killed strays may not be dead yet.
  std::set<std::string> strays_of_;
};

// -- the process --------------------------------------------------------------

/// Makes the launcher deaf to what ends a foreground job; only the node's end
/// ends it.
void ignore_signals() {
  for (auto x : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2})
    signal(x, SIG_IGN);
  // Ignored it would reap by itself, and it may come to us ignored.
  signal(SIGCHLD, SIG_DFL);
}

int watch_children() {
  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  sigprocmask(SIG_SETMASK, &children, nullptr);
  return signalfd(-1, &children, SFD_NONBLOCK | SFD_CLOEXEC);
}

/// Two pipes for each command add up.
rlimit raise_open_files() {
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  auto most = before;
  most.rlim_cur = most.rlim_max;
  setrlimit(RLIMIT_NOFILE, &most);
  return before;
}

/// Takes 0 to 3, so that no descriptor of ours is in the way of a command's.
void occupy_low_descriptors() {
  for (;;) {
    auto fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fd > 3)
      close(fd);
    if (fd < 0 || fd > 3)
      return;
  }
}

} // namespace

int run_launcher(int socket, int lock) {
  prctl(PR_SET_NAME, launcher_name);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  setpgid(0, 0);
  ignore_signals();
  close_descriptors_but({socket, lock});
  occupy_low_descriptors();
  auto signals = watch_children();
  auto open_files = raise_open_files();
  launcher{socket, signals, open_files}.run();
  kill_descendants();
  return 0;
}

} // namespace coppice

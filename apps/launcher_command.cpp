// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/launcher_command.hpp"

#include "actors/task_run_log.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <string_view>
#include <vector>

namespace coppice {

namespace {

constexpr int progress_fd = 3;

/// How much nicer commands are than the node: what `nice` takes by itself.
constexpr int niceness = 10;
constexpr std::string_view niceness_text = "10";

// -- failures -----------------------------------------------------------------

/// What the child was about to do when it failed.
enum class stage : int { set_up, enter_folder, set_limits, execute };

/// What the child writes into its status pipe.
struct exec_failure {
  stage at;
  int number;
};

std::string describe(stage x, const launcher_command& command) {
  switch (x) {
    case stage::set_up:
      return "cannot set up the process";
    case stage::enter_folder:
      return "cannot enter the folder '" + command.folder + "'";
    case stage::set_limits:
      return "cannot set the limits";
    case stage::execute:
      return "cannot execute '" + command.program + "'";
  }
  return "cannot start";
}

std::string with_reason(const std::string& what, int number) {
  return what + ": " + std::strerror(number);
}

error failed(const std::string& what) {
  return {ec::system_failure, with_reason(what, errno)};
}

// -- what the parent prepares -------------------------------------------------

bool has_nul(const std::string& x) {
  return x.find('\0') != std::string::npos;
}

result<> check(const proto::StartCommand& x) {
  if (x.argv_size() == 0 || x.argv(0).empty())
    return error{ec::invalid_argument, "there is no program to execute"};
  auto nul = has_nul(x.working_folder()) || has_nul(x.log_file())
             || std::any_of(x.argv().begin(), x.argv().end(), has_nul);
  for (auto& entry : x.environment()) {
    nul = nul || has_nul(entry.name()) || has_nul(entry.value());
    if (entry.name().empty() || entry.name().find('=') != std::string::npos)
      return error{ec::invalid_argument, "the environment has a name that is"
                                         " empty or has a '=' in it"};
  }
  if (nul)
    return error{ec::invalid_argument,
                 "arguments, environment or paths have a zero byte in them"};
  return ok();
}

std::vector<std::string> environment_for(const proto::StartCommand& x) {
  std::map<std::string, std::string> all;
  for (auto** entry = environ; *entry; ++entry) {
    auto text = std::string_view{*entry};
    auto equals = text.find('=');
    if (equals != std::string_view::npos)
      all.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  // The service manager's socket is the keeper's business only.
  all.erase("NOTIFY_SOCKET");
  for (auto& entry : x.environment())
    all[entry.name()] = entry.value();
  all["COPPICE_PROGRESS_FD"] = std::to_string(progress_fd);
  all[launch_id_variable] = std::to_string(x.id());
  std::vector<std::string> result;
  for (auto& [name, value] : all)
    result.push_back(name + "=" + value);
  return result;
}

/// Returns pointers into *xs*, ended by a null pointer, as exec wants them.
std::vector<char*> pointers(std::vector<std::string>& xs) {
  std::vector<char*> result;
  for (auto& x : xs)
    result.push_back(x.data());
  result.push_back(nullptr);
  return result;
}

result<unique_fd> open_input(const std::string& bytes) {
  if (bytes.empty()) {
    unique_fd null{open("/dev/null", O_RDONLY | O_CLOEXEC)};
    return null ? result<unique_fd>{std::move(null)}
                : failed("cannot open /dev/null");
  }
  unique_fd memory{memfd_create("stdin", MFD_CLOEXEC)};
  auto rest = std::string_view{bytes};
  while (memory && !rest.empty()) {
    auto n = write(memory.get(), rest.data(), rest.size());
    if (n < 0)
      return failed("cannot store the standard input");
    rest.remove_prefix(static_cast<size_t>(n));
  }
  if (!memory || lseek(memory.get(), 0, SEEK_SET) != 0)
    return failed("cannot store the standard input");
  return memory;
}

result<unique_fd> open_log(const std::string& file) {
  return open_log_file(file.empty() ? "/dev/null" : file);
}

struct pipe_ends {
  unique_fd read;
  unique_fd write;
};

result<pipe_ends> open_pipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0)
    return failed("cannot make a pipe");
  // Our end only: commands expect a pipe that blocks.
  fcntl(fds[0], F_SETFL, O_NONBLOCK);
  return pipe_ends{unique_fd{fds[0]}, unique_fd{fds[1]}};
}

/// All that the child needs, made before the fork so that it need not allocate.
struct preparation {
  std::vector<std::string> argv;
  std::vector<std::string> environment;
  std::vector<char*> argv_pointers;
  std::vector<char*> environment_pointers;
  std::string folder;
  unique_fd input;
  unique_fd log;
  pipe_ends progress;
  pipe_ends status;
  proto::CommandLimits limits;
  rlimit open_files{};
  pid_t launcher = 0;
  bool steps_back = false;
};

result<> open_files_of(preparation& x, const proto::StartCommand& request) {
  auto input = open_input(request.standard_input());
  if (!input)
    return input.error();
  auto log = open_log(request.log_file());
  if (!log)
    return log.error();
  auto progress = open_pipe();
  if (!progress)
    return progress.error();
  auto status = open_pipe();
  if (!status)
    return status.error();
  x.input = std::move(input).value();
  x.log = std::move(log).value();
  x.progress = std::move(progress).value();
  x.status = std::move(status).value();
  return ok();
}

void fill(preparation& x, const proto::StartCommand& request) {
  x.argv.assign(request.argv().begin(), request.argv().end());
  x.environment = environment_for(request);
  x.argv_pointers = pointers(x.argv);
  x.environment_pointers = pointers(x.environment);
  x.folder = request.working_folder();
  x.limits = request.limits();
  x.launcher = getpid();
  x.steps_back = request.steps_back();
}

// -- what the child does ------------------------------------------------------

[[noreturn]] void fail(const preparation& x, stage at) {
  exec_failure failure{at, errno};
  auto ignored = write(x.status.write.get(), &failure, sizeof(failure));
  static_cast<void>(ignored);
  _exit(127);
}

void reset_signals() {
  for (auto i = 1; i < NSIG; ++i)
    signal(i, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

bool limit(__rlimit_resource what, rlim_t soft, rlim_t hard) {
  rlimit now{};
  if (getrlimit(what, &now) != 0)
    return false;
  // Nobody but root may go above the limit that is there already.
  rlimit wanted{std::min(soft, now.rlim_max), std::min(hard, now.rlim_max)};
  return setrlimit(what, &wanted) == 0;
}

bool set_limits(const preparation& x) {
  constexpr rlim_t cpu_grace = 5;
  auto& wanted = x.limits;
  auto files = wanted.open_files();
  auto cpu = wanted.cpu_seconds();
  auto memory = wanted.address_space_bytes();
  return limit(RLIMIT_CORE, 0, 0)
         && (files ? limit(RLIMIT_NOFILE, files, files)
                   : setrlimit(RLIMIT_NOFILE, &x.open_files) == 0)
         && (!cpu || limit(RLIMIT_CPU, cpu, cpu + cpu_grace))
         // Last: whatever allocates after it may fail.
         && (!memory || limit(RLIMIT_AS, memory, memory));
}

bool set_descriptors(const preparation& x) {
  return dup2(x.input.get(), STDIN_FILENO) >= 0
         && dup2(x.log.get(), STDOUT_FILENO) >= 0
         && dup2(x.log.get(), STDERR_FILENO) >= 0
         && dup2(x.progress.write.get(), progress_fd) >= 0
         && close_range(progress_fd + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
}

/// Has the command come behind the node where processors are scarce: the node
/// must be able to say that it lives.
void step_back() {
  // It fails only where it is at the end of the scale already.
  [[maybe_unused]] auto value = nice(niceness);
  // Where the kernel makes a group of each session (sched(7), autogroup), only
  // the value of the group counts against other sessions. It takes a value
  // seldom, so this is an attempt.
  unique_fd group{open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC)};
  if (group) {
    auto ignored
      = write(group.get(), niceness_text.data(), niceness_text.size());
    static_cast<void>(ignored);
  }
}

[[noreturn]] void become_command(preparation& x) {
  reset_signals();
  // If the launcher is killed the kernel kills the command: nobody else would.
  // It may have been killed before this line.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != x.launcher)
    _exit(127);
  // A session of its own: no terminal, and a group whose id is the pid.
  if (setsid() < 0 || !set_descriptors(x))
    fail(x, stage::set_up);
  if (x.steps_back)
    step_back();
  if (!x.folder.empty() && chdir(x.folder.c_str()) != 0)
    fail(x, stage::enter_folder);
  // Before the limits: execvp looks PATH up in there.
  environ = x.environment_pointers.data();
  if (!set_limits(x))
    fail(x, stage::set_limits);
  execvp(x.argv_pointers.front(), x.argv_pointers.data());
  fail(x, stage::execute);
}

} // namespace

// -- API ----------------------------------------------------------------------

result<launcher_command> start_command(const proto::StartCommand& x,
                                       const rlimit& open_files) {
  if (auto checked = check(x); !checked)
    return checked.error();
  preparation prepared;
  fill(prepared, x);
  prepared.open_files = open_files;
  if (auto opened = open_files_of(prepared, x); !opened)
    return opened.error();
  auto pid = fork();
  if (pid < 0)
    return failed("cannot fork");
  if (pid == 0)
    become_command(prepared);
  launcher_command result;
  result.id = x.id();
  result.program = x.argv(0);
  result.folder = x.working_folder();
  result.pid = pid;
  result.ends_at = std::chrono::nanoseconds{x.ends_at_ns()};
  result.exec_status = std::move(prepared.status.read);
  result.progress = std::move(prepared.progress.read);
  return result;
}

void read_exec_status(launcher_command& x) {
  exec_failure failure{};
  auto n = read(x.exec_status.get(), &failure, sizeof(failure));
  if (n < 0 && errno == EAGAIN)
    return;
  if (n == sizeof(failure))
    x.failure = with_reason(describe(failure.at, x), failure.number);
  x.exec_status.reset();
}

} // namespace coppice

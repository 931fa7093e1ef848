// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/launcher.hpp"

#include "apps/process_tree.hpp"
#include "proto/launcher.pb.h"
#include "runtime/launch/frame.hpp"
#include "runtime/launch/line_cutter.hpp"
#include "runtime/launch/unique_fd.hpp"
#include "tests/apps/test_process.hpp"
#include "tests/support/temp_folder.hpp"

#include <caf/test/dsl.hpp>

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <sstream>

using namespace coppice;

namespace {

std::string contents(const std::string& file) {
  std::ifstream in{file};
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

/// The node's side of a launcher.
struct fixture {
  fixture() {
    int fds[2];
    CAF_REQUIRE_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds),
                      0);
    socket = unique_fd{fds[0]};
    unique_fd theirs{fds[1]};
    launcher.emplace([&] { return run_launcher(theirs.get(), -1); });
  }

  ~fixture() {
    // The orderly way first: it kills what a failed test has left.
    socket.reset();
    launcher->wait();
  }

  // -- requests ---------------------------------------------------------------

  /// Returns a request to run *script* with the shell.
  proto::StartCommand shell(uint64_t id, const std::string& script) {
    proto::StartCommand x;
    x.set_id(id);
    for (auto arg : {"/bin/sh", "-c", script.c_str()})
      x.add_argv(arg);
    x.set_log_file(path("log"));
    return x;
  }

  void start(const proto::StartCommand& x) {
    proto::LaunchRequest request;
    *request.mutable_start() = x;
    send_request(request);
  }

  void stop(uint64_t id, uint64_t grace_ms) {
    proto::LaunchRequest request;
    request.mutable_stop()->set_id(id);
    request.mutable_stop()->set_grace_ms(grace_ms);
    send_request(request);
  }

  void send_request(const proto::LaunchRequest& x) {
    std::string frame;
    CAF_REQUIRE(append_frame(frame, x));
    send_bytes(frame);
  }

  void send_bytes(std::string_view bytes) {
    while (!bytes.empty()) {
      auto n = send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      CAF_REQUIRE(n > 0);
      bytes.remove_prefix(static_cast<size_t>(n));
    }
  }

  // -- events -----------------------------------------------------------------

  proto::LaunchEvent next() {
    for (;;) {
      auto frame = reader.next();
      CAF_REQUIRE(frame);
      if (frame.value()) {
        proto::LaunchEvent x;
        CAF_REQUIRE(x.ParseFromArray(frame.value()->data(),
                                     static_cast<int>(frame.value()->size())));
        return x;
      }
      receive();
    }
  }

  void receive() {
    pollfd fd{socket.get(), POLLIN, 0};
    auto ms = std::chrono::milliseconds{test::patience}.count();
    CAF_REQUIRE_EQUAL(poll(&fd, 1, static_cast<int>(ms)), 1);
    std::array<char, 65536> buffer;
    auto n = recv(socket.get(), buffer.data(), buffer.size(), 0);
    CAF_REQUIRE(n > 0);
    reader.append({buffer.data(), static_cast<size_t>(n)});
  }

  proto::CommandStarted started() {
    auto x = next();
    CAF_REQUIRE(x.has_started());
    return x.started();
  }

  proto::CommandExited exited() {
    auto x = next();
    CAF_REQUIRE(x.has_exited());
    return x.exited();
  }

  std::string line() {
    auto x = next();
    CAF_REQUIRE(x.has_line());
    return x.line().text();
  }

  /// Starts *x* and returns how it ended, which is its exit code or 1000 + its
  /// signal.
  int run(const proto::StartCommand& x) {
    start(x);
    started();
    auto end = exited();
    return end.how_case() == proto::CommandExited::kCode ? end.code()
                                                         : 1000 + end.signal();
  }

  std::string not_started(const proto::StartCommand& x) {
    start(x);
    auto event = next();
    CAF_REQUIRE(event.has_not_started());
    CAF_CHECK_EQUAL(event.not_started().id(), x.id());
    return event.not_started().reason();
  }

  // -- files ------------------------------------------------------------------

  std::string path(const std::string& name) const {
    return (folder.path() / name).string();
  }

  /// Writes the script NAME.sh, which writes its pid into the file NAME and
  /// then ignores every friendly signal for as long as it is let.
  void write_stubborn(const std::string& name) {
    std::ofstream{path(name + ".sh")} << "trap '' TERM HUP INT\necho $$ > "
                                      << name
                                      << "\nwhile :; do sleep 1; done\n";
  }

  test::temp_folder folder;
  unique_fd socket;
  std::optional<test::child_process> launcher;
  frame_reader reader;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(launcher_tests, fixture)

CAF_TEST(exit codes and signals are reported) {
  CAF_CHECK_EQUAL(run(shell(1, "exit 0")), 0);
  CAF_CHECK_EQUAL(run(shell(2, "exit 7")), 7);
  CAF_CHECK_EQUAL(run(shell(3, "kill -KILL $$")), 1009);
}

CAF_TEST(started names the process and exited its usage) {
  start(shell(5, ":"));
  auto x = started();
  CAF_CHECK_EQUAL(x.id(), 5u);
  CAF_CHECK_GREATER(x.pid(), 1);
  auto end = exited();
  CAF_CHECK_EQUAL(end.id(), 5u);
  CAF_CHECK_GREATER(end.max_resident_bytes(), 0u);
}

CAF_TEST(output is appended to the log file) {
  CAF_CHECK_EQUAL(run(shell(1, "echo one; echo two >&2")), 0);
  CAF_CHECK_EQUAL(run(shell(2, "echo three")), 0);
  CAF_CHECK_EQUAL(contents(path("log")), "one\ntwo\nthree\n");
}

CAF_TEST(a command gets its input and environment and folder) {
  auto x = shell(1, "pwd; echo $COLOUR; echo $COPPICE_PROGRESS_FD; cat; "
                    "echo ${NOTIFY_SOCKET:-none}");
  auto input = "one line\n" + std::string(300'000, 'x') + "\n";
  x.set_standard_input(input);
  x.set_working_folder(folder.path());
  auto* entry = x.add_environment();
  entry->set_name("COLOUR");
  entry->set_value("green");
  CAF_CHECK_EQUAL(run(x), 0);
  CAF_CHECK_EQUAL(contents(path("log")),
                  folder.path().string() + "\ngreen\n3\n" + input + "none\n");
}

CAF_TEST(a command without input reads the end of file) {
  CAF_CHECK_EQUAL(run(shell(1, "test -z \"$(cat)\"")), 0);
}

CAF_TEST(a command gets no descriptor but its own four) {
  // Not in a pipeline or a redirection: the shell would have more while `ls`
  // looks. Not as its last command: that takes the place of the shell.
  CAF_CHECK_EQUAL(run(shell(1, "ls /proc/$$/fd; true")), 0);
  CAF_CHECK_EQUAL(contents(path("log")), "0\n1\n2\n3\n");
}

CAF_TEST(a command starts with default signals and a session of its own) {
  // Fields of proc(5): blocked and ignored signals.
  CAF_CHECK_EQUAL(run(shell(1, "grep -E 'Sig(Blk|Ign)' /proc/self/status |"
                               " cut -f 2; cut -d ' ' -f 6 /proc/self/stat;"
                               " echo $$")),
                  0);
  std::istringstream log{contents(path("log"))};
  std::string blocked, ignored, session, pid;
  log >> blocked >> ignored >> session >> pid;
  CAF_CHECK_EQUAL(blocked, "0000000000000000");
  CAF_CHECK_EQUAL(ignored, "0000000000000000");
  CAF_CHECK_EQUAL(session, pid);
}

CAF_TEST(limits hold) {
  auto x = shell(1, "ulimit -n; ulimit -v; ulimit -t; ulimit -c");
  x.mutable_limits()->set_open_files(33);
  x.mutable_limits()->set_address_space_bytes(uint64_t{1} << 30);
  x.mutable_limits()->set_cpu_seconds(50);
  CAF_CHECK_EQUAL(run(x), 0);
  CAF_CHECK_EQUAL(contents(path("log")), "33\n1048576\n50\n0\n");
  auto spin = shell(2, "while :; do :; done");
  spin.mutable_limits()->set_cpu_seconds(1);
  CAF_CHECK_EQUAL(run(spin), 1000 + SIGXCPU);
}

CAF_TEST(progress lines arrive before the end) {
  start(shell(1, "echo 40 half >&3; printf 'no line feed' >&3"));
  started();
  CAF_CHECK_EQUAL(line(), "40 half");
  CAF_CHECK_EQUAL(line(), "no line feed");
  CAF_CHECK_EQUAL(exited().code(), 0);
}

CAF_TEST(a line without end is cut) {
  start(shell(1, "head -c 200000 /dev/zero | tr '\\0' x >&3; echo >&3;"
                 " echo next >&3"));
  started();
  auto x = next();
  CAF_REQUIRE(x.has_line());
  CAF_CHECK_EQUAL(x.line().text().size(), line_cutter::max_line_bytes);
  CAF_CHECK(x.line().truncated());
  CAF_CHECK_EQUAL(line(), "next");
  exited();
}

CAF_TEST(what cannot be executed says why) {
  auto x = shell(1, "");
  x.set_argv(0, "/no/such/program");
  CAF_CHECK_EQUAL(not_started(x), "cannot execute '/no/such/program': No such"
                                  " file or directory");
  x.set_argv(0, "no-such-program-in-path");
  CAF_CHECK_EQUAL(not_started(x), "cannot execute 'no-such-program-in-path': No"
                                  " such file or directory");
  x.set_argv(0, folder.path());
  CAF_CHECK_EQUAL(not_started(x), "cannot execute '" + folder.path().string()
                                    + "': Permission denied");
  x.set_working_folder("/no/such/folder");
  CAF_CHECK_EQUAL(not_started(x), "cannot enter the folder '/no/such/folder':"
                                  " No such file or directory");
  x.set_log_file("/dev/null/log");
  CAF_CHECK_EQUAL(not_started(x), "cannot open the log file '/dev/null/log':"
                                  " Not a directory");
}

CAF_TEST(a request that makes no sense starts nothing) {
  proto::StartCommand x;
  x.set_id(1);
  CAF_CHECK_EQUAL(not_started(x), "there is no program to execute");
  x.add_argv(std::string("a\0b", 3));
  CAF_CHECK_EQUAL(not_started(x), "arguments, environment or paths have a zero"
                                  " byte in them");
  x.set_argv(0, "/bin/true");
  x.add_environment()->set_name("A=B");
  CAF_CHECK_EQUAL(not_started(x), "the environment has a name that is empty or"
                                  " has a '=' in it");
}

CAF_TEST(the path variable of a request counts) {
  std::ofstream{path("hello")} << "#!/bin/sh\nexit 5\n";
  std::filesystem::permissions(path("hello"),
                               std::filesystem::perms::owner_all);
  proto::StartCommand x;
  x.add_argv("hello");
  auto* entry = x.add_environment();
  entry->set_name("PATH");
  entry->set_value(folder.path());
  CAF_CHECK_EQUAL(run(x), 5);
}

CAF_TEST(a stop is friendly at first) {
  start(shell(1, "trap 'echo bye >&3; exit 3' TERM; echo ready >&3;"
                 " while :; do sleep 0.01; done"));
  started();
  CAF_CHECK_EQUAL(line(), "ready");
  stop(1, 60'000);
  CAF_CHECK_EQUAL(line(), "bye");
  CAF_CHECK_EQUAL(exited().code(), 3);
}

CAF_TEST(a stop at once after the start is not lost) {
  for (uint64_t id = 1; id <= 20; ++id) {
    start(shell(id, "exec sleep 1000"));
    stop(id, 60'000);
    started();
    CAF_CHECK_EQUAL(exited().signal(), SIGTERM);
  }
}

CAF_TEST(who ignores a stop is killed when the grace is over) {
  auto x = shell(1, "trap '' TERM; echo ready >&3; while :; do sleep 1; done");
  start(x);
  started();
  CAF_CHECK_EQUAL(line(), "ready");
  stop(1, 50);
  CAF_CHECK_EQUAL(exited().signal(), SIGKILL);
}

CAF_TEST(a second stop shortens the grace) {
  start(shell(1, "trap '' TERM; echo ready >&3; while :; do sleep 1; done"));
  started();
  line();
  stop(1, 3600'000);
  stop(1, 0);
  stop(1, 3600'000);
  CAF_CHECK_EQUAL(exited().signal(), SIGKILL);
}

CAF_TEST(a stop of a command that has ended is ignored) {
  CAF_CHECK_EQUAL(run(shell(1, "exit 0")), 0);
  stop(1, 0);
  stop(99, 0);
  CAF_CHECK_EQUAL(run(shell(2, "exit 0")), 0);
}

CAF_TEST(nothing of the group outlives its leader) {
  write_stubborn("member");
  auto x = shell(1, "sh member.sh & until test -s member; do sleep 0.01; done;"
                    " exit 4");
  x.set_working_folder(folder.path());
  CAF_CHECK_EQUAL(run(x), 4);
  CAF_CHECK(!test::is_alive(test::pid_in(path("member"))));
}

CAF_TEST(a daemon that left the group dies with its command) {
  // The other command shows that not simply everything is killed.
  start(shell(7, "exec sleep 1000"));
  auto other = started().pid();
  write_stubborn("daemon");
  auto x = shell(1, "(setsid sh daemon.sh &); until test -s daemon; do"
                    " sleep 0.01; done; exit 4");
  x.set_working_folder(folder.path());
  CAF_CHECK_EQUAL(run(x), 4);
  CAF_CHECK(!test::is_alive(test::pid_in(path("daemon"))));
  CAF_CHECK(test::is_alive(other));
}

CAF_TEST(when the node dies nothing survives) {
  for (auto name : {"leader", "member", "daemon", "hidden"})
    write_stubborn(name);
  auto x = shell(1, "sh member.sh & (setsid sh daemon.sh &);"
                    " (setsid env -i sh hidden.sh &); exec sh leader.sh");
  x.set_working_folder(folder.path());
  start(x);
  auto leader = started().pid();
  CAF_CHECK_EQUAL(leader, test::pid_in(path("leader")));
  std::vector<pid_t> all{leader};
  for (auto name : {"member", "daemon", "hidden"})
    all.push_back(test::pid_in(path(name)));
  for (auto pid : all)
    CAF_CHECK(test::is_alive(pid));
  socket.reset();
  CAF_CHECK_EQUAL(launcher->wait(), 0);
  for (auto pid : all)
    CAF_CHECK(!test::is_alive(pid));
}

CAF_TEST(friendly signals do not end a launcher) {
  CAF_CHECK_EQUAL(run(shell(1, "exit 0")), 0); // It is up, then.
  for (auto x : {SIGTERM, SIGINT, SIGHUP, SIGQUIT})
    launcher->signal(x);
  CAF_CHECK_EQUAL(run(shell(1, "exit 0")), 0);
}

CAF_TEST(garbage counts as the death of the node) {
  start(shell(1, "exec sleep 1000"));
  auto pid = started().pid();
  send_bytes("GET / HTTP/1.1\r\n\r\n");
  CAF_CHECK_EQUAL(launcher->wait(), 0);
  CAF_CHECK(!test::is_alive(pid));
}

CAF_TEST(a command dies with a launcher that is killed) {
  start(shell(1, "exec sleep 1000"));
  auto pid = started().pid();
  launcher->signal(SIGKILL);
  CAF_CHECK_EQUAL(launcher->wait(), 1009);
  CAF_CHECK(test::eventually([&] { return !test::is_alive(pid); }));
}

CAF_TEST(a node that does not read stops its commands and not the launcher) {
  // 16 MiB of lines: more than the launcher and the socket hold.
  start(shell(1, "yes 1234567890123456789012345678901 | head -n 524288 >&3"));
  start(shell(2, "exec sleep 1000"));
  auto sleeper = pid_t{0};
  for (auto i = 0; i < 2;) {
    auto x = next();
    if (!x.has_started())
      continue;
    ++i;
    if (x.started().id() == 2)
      sleeper = x.started().pid();
  }
  // Nothing is read from here on, and requests are still carried out.
  stop(2, 0);
  CAF_CHECK(test::eventually([&] { return !test::is_alive(sleeper); }));
  // Reading again, every line is there.
  auto lines = 0;
  for (auto ends = 0; ends < 2;) {
    auto x = next();
    lines += x.has_line() ? 1 : 0;
    ends += x.has_exited() ? 1 : 0;
  }
  CAF_CHECK_GREATER(lines, 500'000);
}

CAF_TEST(many commands run side by side) {
  constexpr uint64_t n = 100;
  for (uint64_t id = 1; id <= n; ++id)
    start(shell(id, "echo " + std::to_string(id) + " >&3; exit "
                      + std::to_string(id % 100)));
  uint64_t ends = 0;
  while (ends < n) {
    auto x = next();
    if (x.has_line())
      CAF_CHECK_EQUAL(x.line().text(), std::to_string(x.line().id()));
    if (x.has_exited()) {
      ++ends;
      CAF_CHECK_EQUAL(x.exited().code(),
                      static_cast<int>(x.exited().id() % 100));
    }
  }
}

CAF_TEST_FIXTURE_SCOPE_END()

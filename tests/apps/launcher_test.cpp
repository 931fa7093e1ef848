// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/launcher.hpp"

#include "runtime/launch/line_cutter.hpp"
#include "tests/apps/launcher_fixture.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <sstream>

using namespace coppice;

using fixture = test::launcher_fixture;

namespace {

std::string contents(const std::string& file) {
  std::ifstream in{file};
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

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

CAF_TEST(a command that steps back is nicer than the node and no other) {
  // Without an operand it says its own.
  auto own = ::getpriority(PRIO_PROCESS, 0);
  auto x = shell(1, "nice");
  x.set_steps_back(true);
  CAF_CHECK_EQUAL(run(x), 0);
  auto wanted = std::to_string(std::min(19, own + 10)) + "\n";
  auto said = contents(path("log"));
  CAF_CHECK_EQUAL(said, wanted);
  CAF_CHECK_EQUAL(run(shell(2, "nice")), 0);
  wanted += std::to_string(own) + "\n";
  said = contents(path("log"));
  CAF_CHECK_EQUAL(said, wanted);
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
  x.set_argv(0, "/no/gr\xC3\xBC\xFFn");
  CAF_CHECK_EQUAL(not_started(x),
                  "cannot execute '/no/gr\xC3\xBC\xEF\xBF\xBDn':"
                  " No such file or directory");
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

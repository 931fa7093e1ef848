// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// How commands end, and what must not outlive whom.

#include "runtime/boot_time.hpp"
#include "tests/apps/launcher_fixture.hpp"

#include <fstream>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

struct fixture : test::launcher_fixture {
  /// Writes the script NAME.sh, which writes its pid into the file NAME and
  /// then ignores every friendly signal for as long as it is let.
  void write_stubborn(const std::string& name) {
    std::ofstream{path(name + ".sh")} << "trap '' TERM HUP INT\necho $$ > "
                                      << name
                                      << "\nwhile :; do sleep 1; done\n";
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(launcher_end_tests, fixture)

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

CAF_TEST(a command that nobody renews is killed at its end) {
  auto x = shell(1, "trap '' TERM; while :; do sleep 1; done");
  auto end = read_boot_time() + 1s;
  x.set_ends_at_ns(end.count());
  start(x);
  started();
  CAF_CHECK_EQUAL(exited().signal(), SIGKILL);
  CAF_CHECK(read_boot_time() >= end);
}

CAF_TEST(a command that is renewed goes on) {
  auto x = shell(1, "while [ ! -e go ]; do sleep 0.01; done; exit 3");
  x.set_working_folder(folder.path().string());
  auto end = read_boot_time() + 1s;
  x.set_ends_at_ns(end.count());
  start(x);
  proto::LaunchRequest request;
  request.mutable_renew()->set_id(1);
  request.mutable_renew()->set_ends_at_ns((end + 1h).count());
  send_request(request);
  // Another one that has the same end shows that it was due.
  auto y = shell(2, "sleep 1000");
  y.set_ends_at_ns(end.count());
  start(y);
  started();
  started();
  auto first = exited();
  CAF_CHECK_EQUAL(first.id(), 2u);
  std::ofstream{path("go")} << "now";
  CAF_CHECK_EQUAL(exited().code(), 3);
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

CAF_TEST_FIXTURE_SCOPE_END()

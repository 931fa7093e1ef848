// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// Commands: what they are told, what they say, and that none of an earlier
// attempt lives when the next one starts.

#include "tests/process/support/real_node.hpp"

#include <caf/test/unit_test.hpp>

#include <signal.h>

#include <fstream>
#include <sstream>

using namespace coppice;
using namespace coppice::test;

namespace {

proto::TaskSpec exec(std::vector<std::string> argv) {
  proto::TaskSpec x;
  x.set_kind("exec");
  for (auto& arg : argv)
    x.mutable_exec()->add_argv(arg);
  x.mutable_retry()->set_attempts(20);
  x.mutable_retry()->mutable_backoff()->set_nanos(10'000'000);
  return x;
}

/// A command that notes its own process and that of a grandchild which leaves
/// its group, says which processes of earlier attempts still live, and goes on
/// for ever until there were *attempts* attempts.
std::string tenacious(const std::filesystem::path& journal, int attempts) {
  auto file = journal.string();
  return "trap '' TERM\n"
         "setsid sleep 1000 &\n"
         "for p in $(cut -d' ' -f2- "
         + file + " 2>/dev/null); do kill -0 $p 2>/dev/null && echo ALIVE $p >>"
         + file
         + ".alive; done\n"
           "echo \"$COPPICE_ATTEMPT $$ $!\" >>"
         + file + "\n[ \"$COPPICE_ATTEMPT\" -ge " + std::to_string(attempts)
         + " ] && exit 0\nwhile :; do sleep 1; done\n";
}

int lines(const std::filesystem::path& file) {
  std::istringstream in{read_file(file)};
  auto n = 0;
  for (std::string line; std::getline(in, line);)
    ++n;
  return n;
}

struct fixture {
  temp_folder folder;
  // A relative data folder, as in the sample configurations: what commands are
  // told must hold in their own folders, too.
  real_node node{
    folder.path(),
    "n1",
    {{"worker.slots", "8"},
     {"data.dir", std::filesystem::proximate(folder.path() / "n1").string()}}};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(exec_tests, fixture)

CAF_TEST(no process of an earlier attempt lives when the next one starts) {
  auto journal = folder.path() / "journal";
  node.start();
  auto c = connect(node);
  auto id = submit(*c, {exec({"/bin/sh", "-c", tenacious(journal, 7)})}).at(0);
  for (auto round = 1; round < 7; ++round) {
    CAF_REQUIRE(eventually([&] { return lines(journal) >= round; }));
    if (round % 2 == 0) {
      node.kill_both();
      node.start();
    } else {
      node.signal_node(SIGKILL);
    }
  }
  CAF_CHECK_EQUAL(await_end(*c, id).state(), proto::SUCCEEDED);
  CAF_CHECK_EQUAL(read_file(journal.string() + ".alive"), "");
  CAF_CHECK_GREATER_OR_EQUAL(lines(journal), 7);
}

CAF_TEST(a script reports progress and goes on from its checkpoint) {
  node.start();
  auto c = connect(node);
  auto script = std::string{"set -e\n"} + "coppice=" + COPPICE_BINARY
                + "\nn=0; [ -z \"$COPPICE_CHECKPOINT\" ] || n=$(cat "
                  "\"$COPPICE_CHECKPOINT\")\n"
                  "if [ $n -eq 0 ]; then\n"
                  "  echo 41 >mark; $coppice progress 40 'four of ten'\n"
                  "  $coppice checkpoint mark; exit 3\nfi\n"
                  "$coppice result \"began at $n\"\n";
  auto id = submit(*c, {exec({"/bin/sh", "-c", script})}).at(0);
  auto task = await_end(*c, id);
  CAF_CHECK_EQUAL(task.state(), proto::SUCCEEDED);
  CAF_CHECK_EQUAL(task.result(), "began at 41");
  CAF_REQUIRE_EQUAL(task.attempts_size(), 2);
  auto& first = task.attempts(0);
  CAF_CHECK_EQUAL(first.exit_status(), 3);
  CAF_CHECK_EQUAL(first.error().code(), "exit_3");
  CAF_CHECK_EQUAL(first.progress().percent(), 40);
  CAF_CHECK_EQUAL(first.progress().message(), "four of ten");
  CAF_CHECK_EQUAL(first.node(), "n1");
  CAF_CHECK_EQUAL(task.attempts(1).resumed_bytes(), 3);
}

CAF_TEST(a running command is cancelled and its output can be read) {
  node.start();
  auto c = connect(node);
  auto id = submit(*c, {exec({"/bin/sh", "-c", "echo hello; exec sleep 1000"})})
              .at(0);
  auto said_hello = [&] {
    auto r = run_coppice({"logs", "--connect", node.address(), id});
    return r.code == 0 && r.out == "hello\n";
  };
  CAF_CHECK(eventually(said_hello));
  CAF_CHECK_EQUAL(run_coppice({"cancel", "--connect", node.address(), id}).code,
                  0);
  CAF_CHECK_EQUAL(await_end(*c, id).state(), proto::CANCELLED);
}

CAF_TEST(a command that cannot start says why) {
  node.start();
  auto c = connect(node);
  auto spec = exec({"/no/such/program"});
  spec.mutable_retry()->set_attempts(1);
  auto task = await_end(*c, submit(*c, {spec}).at(0));
  CAF_CHECK_EQUAL(task.state(), proto::FAILED);
  CAF_CHECK_EQUAL(task.error().code(), "cannot_start");
  CAF_CHECK_NOT_EQUAL(task.error().message().find("/no/such/program"),
                      std::string::npos);
}

CAF_TEST(the end of a wait is the end of the task) {
  node.start();
  CAF_REQUIRE(connect(node)->connect());
  auto address = node.address();
  CAF_CHECK_EQUAL(
    run_coppice({"run", "--connect", address, "--wait", "--", "true"}).code, 0);
  CAF_CHECK_EQUAL(run_coppice({"run", "--connect", address, "--attempts", "1",
                               "--wait", "--", "false"})
                    .code,
                  1);
}

CAF_TEST_FIXTURE_SCOPE_END()

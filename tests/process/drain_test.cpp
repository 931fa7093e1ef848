// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// People empty a node: its work moves, and nothing is killed before its time.

#include "tests/process/support/real_node.hpp"

#include <caf/test/unit_test.hpp>

#include <signal.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

proto::TaskSpec shell(const std::string& script) {
  proto::TaskSpec x;
  x.set_kind("exec");
  x.mutable_retry()->set_attempts(1);
  for (auto word : {"/bin/sh", "-c"})
    x.mutable_exec()->add_argv(word);
  x.mutable_exec()->add_argv(script);
  return x;
}

/// Counts for some seconds; saves where it is only if it is asked to.
proto::TaskSpec counter() {
  return shell(
    "n=0\n"
    "[ -n \"$COPPICE_CHECKPOINT\" ] && n=$(cat \"$COPPICE_CHECKPOINT\")\n"
    "while [ $n -lt 100 ]; do\n"
    "  n=$((n + 1)); sleep 0.1\n"
    "  if [ -e \"$COPPICE_ATTEMPT_FOLDER/checkpoint-wanted\" ]; then\n"
    "    echo $n > \"$COPPICE_ATTEMPT_FOLDER/new\"\n"
    "    mv \"$COPPICE_ATTEMPT_FOLDER/new\" \"$COPPICE_ATTEMPT_FOLDER/state\"\n"
    "    echo checkpoint state >&$COPPICE_PROGRESS_FD\n"
    "  fi\n"
    "done\n"
    "echo result $n >&$COPPICE_PROGRESS_FD\n");
}

struct fixture {
  fixture() {
    manager.emplace(
      folder.path(), "m1",
      std::map<std::string, std::string>{{"node.roles", "manager"}});
    manager->start();
    c = connect(*manager);
    CAF_REQUIRE(c->connect());
  }

  real_node& add_worker(const std::string& name) {
    workers.push_back(
      std::make_unique<real_node>(folder.path(), name,
                                  std::map<std::string, std::string>{
                                    {"node.roles", "worker"},
                                    {"worker.managers", manager->address()},
                                    {"keepalive.interval", "200ms"},
                                    {"keeper.backoff_min", "10ms"},
                                    {"worker.slots", "4"}}));
    workers.back()->start();
    CAF_REQUIRE(eventually([&] { return takes_tasks(find_node(*c, name)); }));
    return *workers.back();
  }

  /// Submits a task and waits until it runs.
  std::string begin(const proto::TaskSpec& x) {
    auto id = submit(*c, {x}).at(0);
    CAF_REQUIRE(
      eventually([&] { return get_task(*c, id).state() == proto::RUNNING; }));
    return id;
  }

  command_result coppice(std::vector<std::string> args) const {
    args.insert(args.end(), {"--connect", manager->address()});
    return run_coppice(args);
  }

  std::string nodes() const {
    return coppice({"nodes"}).out;
  }

  temp_folder folder;
  std::optional<real_node> manager;
  std::vector<std::unique_ptr<real_node>> workers;
  std::unique_ptr<client> c;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(drain_tests, fixture)

CAF_TEST(a task moves at its checkpoint and goes on elsewhere) {
  add_worker("w1");
  auto id = begin(counter());
  auto plain = begin(shell("sleep 8"));
  add_worker("w2");
  auto said = coppice({"drain", "w1", "--wait"});
  CAF_CHECK_EQUAL(said.code, 0);
  CAF_CHECK(contains(said.out, "2 attempts run on it and move at the next "
                               "checkpoint"));
  CAF_CHECK(contains(said.out, "nothing runs on w1 any more"));
  auto task = await_end(*c, id);
  CAF_CHECK_EQUAL(task.state(), proto::SUCCEEDED);
  CAF_CHECK_EQUAL(task.result(), "100");
  CAF_REQUIRE_EQUAL(task.attempts_size(), 2);
  CAF_CHECK_EQUAL(task.attempts(0).reason(), proto::NODE_DRAINED);
  CAF_CHECK_EQUAL(task.attempts(1).node(), "w2");
  CAF_CHECK(task.attempts(1).resumed_bytes() > 0);
  // Its only try was not used up, and what saves nothing ran to its end.
  CAF_CHECK_EQUAL(task.tries(), 1u);
  auto other = await_end(*c, plain);
  CAF_CHECK_EQUAL(other.state(), proto::SUCCEEDED);
  CAF_CHECK_EQUAL(other.attempts_size(), 1);
}

CAF_TEST(a drained node stays so through restarts until it is released) {
  auto& w1 = add_worker("w1");
  CAF_CHECK(contains(coppice({"drain", "w1"}).out, "nothing runs on it"));
  CAF_REQUIRE(w1.signal_node(SIGKILL));
  manager->kill_both();
  manager->start();
  CAF_CHECK(eventually([&] { return contains(nodes(), "drained"); }));
  auto id = submit(*c, {shell("exit 0")}).at(0);
  std::string why;
  CAF_CHECK(eventually([&] {
    why = coppice({"explain", id}).out;
    return contains(why, "nodes that could run it are drained, or being "
                         "regenerated: w1");
  }));
  CAF_MESSAGE(why);
  CAF_CHECK_EQUAL(coppice({"release", "w1"}).out, "w1 is released\n");
  CAF_CHECK_EQUAL(await_end(*c, id).state(), proto::SUCCEEDED);
  auto events = coppice({"events"}).out;
  for (auto part : {"node w1 is drained", "node w1 is not drained any more",
                    "has registered"})
    CAF_CHECK(contains(events, part));
}

CAF_TEST(what saves no checkpoint is stopped at the deadline and not before) {
  add_worker("w1");
  auto id = begin(shell("sleep 30"));
  auto before = std::chrono::steady_clock::now();
  CAF_CHECK_EQUAL(coppice({"drain", "w1", "--deadline", "2s"}).code, 0);
  CAF_CHECK(
    eventually([&] { return get_task(*c, id).state() == proto::WAITING; }));
  CAF_CHECK(std::chrono::steady_clock::now() - before >= 2s);
  add_worker("w2");
  CAF_CHECK(eventually([&] {
    auto now = get_task(*c, id);
    return now.state() == proto::RUNNING && now.node() == "w2";
  }));
  CAF_CHECK_EQUAL(coppice({"cancel", id}).code, 0);
}

CAF_TEST(a mistyped node is said and changes nothing) {
  for (auto command : {"drain", "release", "forget"}) {
    auto said = coppice({command, "w9"});
    CAF_CHECK_EQUAL(said.code, 4);
    CAF_CHECK(contains(said.err, "there is no node 'w9'"));
  }
  auto alive = coppice({"forget", "m1"});
  CAF_CHECK_EQUAL(alive.code, 4);
  CAF_CHECK(contains(alive.err, "is healthy; stop it first"));
  CAF_CHECK_EQUAL(coppice({"drain", "m1", "--deadline", "soon"}).code, 2);
}

CAF_TEST(a heavy task waits for all its slots and gets them) {
  add_worker("w1");
  auto light = shell("sleep 0.3");
  std::vector<proto::TaskSpec> flood(100, light);
  submit(*c, flood);
  auto heavy = light;
  heavy.set_weight(4);
  auto id = submit(*c, {heavy}).at(0);
  auto task = await_end(*c, id);
  CAF_CHECK_EQUAL(task.state(), proto::SUCCEEDED);
  // Before the flood was over.
  CAF_CHECK(contains(coppice({"tasks", "--state", "waiting"}).out, "exec"));
  heavy.set_weight(5);
  id = submit(*c, {heavy}).at(0);
  CAF_CHECK(eventually([&] {
    return contains(coppice({"explain", id}).out,
                    "it takes 5 slots, and no connected worker that could run "
                    "it has more than 4");
  }));
}

CAF_TEST_FIXTURE_SCOPE_END()

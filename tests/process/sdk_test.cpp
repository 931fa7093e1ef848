// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// A program that is a node with a task kind of its own, as a worker that joins
// a manager of the plain binary.

#include "tests/process/support/real_node.hpp"

#include <caf/test/unit_test.hpp>

#include <signal.h>

#include <algorithm>
#include <fstream>

using namespace coppice;
using namespace coppice::test;

namespace {

struct fixture {
  temp_folder folder;
  real_node manager{folder.path(), "manager", {{"node.roles", "manager"}}};
  real_node worker{
    folder.path(),
    "worker",
    {{"node.roles", "worker"}, {"worker.managers", manager.address()}},
    WORD_COUNT_BINARY};

  static proto::TaskSpec count(const std::string& file) {
    proto::TaskSpec x;
    x.set_kind("word-count");
    x.set_text(file);
    return x;
  }

  /// Waits until the manager knows the kind.
  void start_both(client& c) {
    manager.start();
    worker.start();
    proto::Request request;
    request.mutable_nodes();
    CAF_REQUIRE(eventually([&] {
      auto reply = ask(c, request);
      auto& nodes = reply.nodes().nodes();
      return std::any_of(nodes.begin(), nodes.end(),
                         [](auto& x) { return x.connected(); });
    }));
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(sdk_tests, fixture)

CAF_TEST(a kind of a program of its own runs on its worker) {
  auto c = connect(manager);
  start_both(*c);
  auto file = folder.path() / "text";
  std::ofstream{file} << "one two\nthree\n";
  auto task = await_end(*c, submit(*c, {count(file)}).at(0));
  CAF_CHECK_EQUAL(task.state(), proto::SUCCEEDED);
  CAF_MESSAGE(task.result());
  auto found = task.result().find('3') != std::string::npos;
  CAF_CHECK(found);
  CAF_CHECK_EQUAL(task.attempts(0).node(), "worker");
}

CAF_TEST(an error that the kind calls final is not tried again) {
  auto c = connect(manager);
  start_both(*c);
  auto task = await_end(*c, submit(*c, {count("/no/such/file")}).at(0));
  CAF_CHECK_EQUAL(task.state(), proto::FAILED);
  CAF_CHECK_EQUAL(task.reason(), proto::FINAL_ERROR);
  CAF_CHECK_EQUAL(task.error().code(), "no_such_file");
  CAF_CHECK_EQUAL(task.attempts_size(), 1);
}

CAF_TEST(the manager still knows the kind after all processes died) {
  {
    auto c = connect(manager);
    start_both(*c);
  }
  worker.kill_both();
  manager.kill_both();
  manager.start();
  auto c = connect(manager);
  auto file = folder.path() / "text";
  std::ofstream{file} << "four\n";
  auto id = submit(*c, {count(file)}).at(0);
  auto state = get_task(*c, id).state();
  CAF_CHECK_EQUAL(state, proto::WAITING);
  worker.start();
  auto task = await_end(*c, id);
  CAF_CHECK_EQUAL(task.state(), proto::SUCCEEDED);
}

CAF_TEST_FIXTURE_SCOPE_END()

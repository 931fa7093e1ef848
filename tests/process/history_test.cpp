// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// What ended long ago is removed, and disk use stays bounded.

#include "tests/process/support/real_cluster.hpp"

#include <caf/test/unit_test.hpp>

using namespace coppice;
using namespace coppice::test;

namespace {

proto::TaskSpec noop(const std::string& key) {
  proto::TaskSpec x;
  x.set_kind("noop");
  x.set_idempotency_key(key);
  return x;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct fixture {
  fixture() {
    node.start();
    c = connect(node);
  }

  command_result coppice(std::vector<std::string> words) {
    words.insert(words.begin() + 1, {"--connect", node.address()});
    return run_coppice(words);
  }

  temp_folder folder;
  real_node node{
    folder.path(),
    "n1",
    {{"history.keep", "1s"}, {"dedupe.window", "1s"}, {"worker.slots", "8"}}};
  std::unique_ptr<client> c;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(history_tests, fixture)

CAF_TEST(an ended task vanishes and its key is accepted anew) {
  auto id = submit(*c, {noop("k")}).at(0);
  await_end(*c, id);
  CAF_CHECK(eventually([&] { return !contains(coppice({"tasks"}).out, id); }));
  auto said = coppice({"task", id});
  CAF_CHECK_EQUAL(said.code, 4);
  CAF_CHECK(contains(said.err, "there is no task " + id
                                 + "; ended tasks are kept for history.keep"));
  auto again = submit(*c, {noop("k")}).at(0);
  CAF_CHECK_NOT_EQUAL(again, id);
  // A new start finds it gone as well.
  node.kill_both();
  node.start();
  CAF_CHECK(eventually([&] { return coppice({"task", id}).code == 4; }));
}

CAF_TEST_FIXTURE_SCOPE_END()

CAF_TEST(a new leader goes on to remove what has ended) {
  real_cluster all{{{"history.keep", "1s"}, {"dedupe.window", "1s"}}};
  all.start();
  auto c = all.connect_to_all();
  auto submit_some = [&] {
    for (auto i = 0; i < 20; ++i)
      submit(*c, std::vector<proto::TaskSpec>(20, noop("")));
  };
  for (auto round = 0; round < 2; ++round) {
    submit_some();
    auto& dead = all.leader();
    dead.kill_both();
    submit_some();
    dead.start();
  }
  CAF_CHECK(eventually([&] {
    proto::Request request;
    request.mutable_list();
    auto reply = ask(*c, request);
    return reply.list().tasks_size() == 0 && reply.list().next().empty();
  }));
}

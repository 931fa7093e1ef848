// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// A node on which everything fails must not swallow the queue.

#include "tests/process/support/real_node.hpp"

#include <caf/test/unit_test.hpp>

#include <algorithm>
#include <fstream>
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

struct fixture {
  fixture() {
    manager.emplace(
      folder.path(), "m1",
      std::map<std::string, std::string>{{"node.roles", "manager"},
                                         {"quarantine.failures", "3"},
                                         {"quarantine.fast", "1m"},
                                         // No trial within this test.
                                         {"quarantine.backoff", "1h"}});
    manager->start();
    c = connect(*manager);
    for (auto name : {"w1", "w2", "w3"}) {
      workers.push_back(
        std::make_unique<real_node>(folder.path(), name,
                                    std::map<std::string, std::string>{
                                      {"node.roles", "worker"},
                                      {"worker.managers", manager->address()},
                                      {"worker.slots", "2"}}));
      workers.back()->start();
    }
    for (auto name : {"w1", "w2", "w3"})
      CAF_REQUIRE(eventually([&] { return takes_tasks(find_node(*c, name)); }));
  }

  /// A command that fails on w3, as long as there is no file "mended".
  proto::TaskSpec task() const {
    proto::TaskSpec x;
    x.set_kind("exec");
    x.mutable_retry()->set_attempts(20);
    x.mutable_retry()->mutable_backoff()->set_nanos(100'000'000);
    x.mutable_exec()->add_argv("/bin/sh");
    x.mutable_exec()->add_argv("-c");
    x.mutable_exec()->add_argv("case $PWD in */w3/*) test -e "
                               + mended().string()
                               + " || exit 127;; esac; sleep 0.1");
    return x;
  }

  /// Runs *n* tasks to their end.
  std::vector<proto::Task> run(size_t n) {
    std::vector<proto::Task> result;
    for (auto& id : submit(*c, std::vector<proto::TaskSpec>(n, task()))) {
      result.push_back(await_end(*c, id));
      CAF_CHECK_EQUAL(result.back().state(), proto::SUCCEEDED);
    }
    return result;
  }

  /// Counts the attempts of *xs* that ran on w3.
  static size_t on_w3(const std::vector<proto::Task>& xs) {
    size_t n = 0;
    for (auto& x : xs)
      for (auto& attempt : x.attempts())
        n += attempt.node() == "w3" ? 1 : 0;
    return n;
  }

  std::filesystem::path mended() const {
    return folder.path() / "mended";
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

CAF_TEST_FIXTURE_SCOPE(bad_nodes_tests, fixture)

CAF_TEST(a node on which everything fails is quarantined until it is mended) {
  CAF_CHECK(on_w3(run(30)) >= 3);
  auto said = nodes();
  CAF_MESSAGE(said);
  CAF_CHECK(contains(said, "w3    quarantined"));
  CAF_CHECK(
    contains(said, "w3 is quarantined: 3 different tasks failed on it"));
  CAF_CHECK(contains(said, "127"));
  CAF_CHECK(contains(manager->log(), "w3 is quarantined"));
  // The others do all the work, at the first attempt.
  for (auto& x : run(30)) {
    CAF_CHECK_EQUAL(x.attempts_size(), 1);
    CAF_CHECK(x.attempts(0).node() != "w3");
  }
  std::ofstream{mended()} << "yes";
  auto released = coppice({"release", "w3"});
  CAF_CHECK_EQUAL(released.code, 0);
  CAF_CHECK_EQUAL(released.out, "w3 is released\n");
  CAF_CHECK(!contains(nodes(), "quarantined"));
  CAF_CHECK(eventually([&] { return on_w3(run(12)) > 0; }));
  CAF_CHECK_EQUAL(coppice({"release", "w3"}).out,
                  "w3 was neither quarantined nor drained\n");
  auto manager_only = coppice({"release", "m1"});
  CAF_CHECK_EQUAL(manager_only.out, "m1 was neither quarantined nor drained\n");
  auto unknown = coppice({"release", "w9"});
  CAF_CHECK_EQUAL(unknown.code, 4);
  CAF_CHECK(contains(unknown.err, "there is no node 'w9'"));
}

CAF_TEST_FIXTURE_SCOPE_END()

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// People see what a node consists of.

#include "tests/process/support/real_cluster.hpp"

#include <caf/test/unit_test.hpp>

#include <signal.h>

#include <string>

using namespace coppice;
using namespace coppice::test;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

command_result tree(const real_node& x, std::vector<std::string> more = {}) {
  more.insert(more.begin(), "tree");
  more.insert(more.end(), {"--connect", x.address()});
  return run_coppice(more);
}

} // namespace

CAF_TEST(the tree of each node can be seen at any manager) {
  temp_folder folder;
  real_node manager{folder.path(), "m1", {{"node.roles", "manager"}}};
  manager.start();
  real_node worker{folder.path(),
                   "w1",
                   {{"node.roles", "worker"},
                    {"worker.managers", manager.address()},
                    {"cluster.shards", "1"}}};
  worker.start();
  command_result own;
  CAF_REQUIRE(eventually([&] {
    own = tree(manager);
    return contains(own.out, "task_tracker") && contains(own.out, "regenerator")
           && !contains(own.out, "silent");
  }));
  CAF_CHECK_EQUAL(own.code, 0);
  for (auto* part : {"m1", "manager", "cluster", "shard-0", "state_replicator",
                     "information_centre", "regenerator", "directory"}) {
    CAF_MESSAGE(part);
    CAF_CHECK(contains(own.out, part));
  }
  CAF_CHECK(!contains(own.out, "silent"));
  command_result other;
  CAF_REQUIRE(eventually([&] {
    other = tree(manager, {"w1"});
    return other.code == 0 && contains(other.out, "executor-0");
  }));
  CAF_CHECK(contains(other.out, "w1"));
  CAF_CHECK(!contains(other.out, "task_tracker"));
  auto json = tree(manager, {"w1", "--json"});
  CAF_CHECK(contains(json.out, "\"node\":\"w1\""));
  CAF_CHECK(contains(json.out, "\"sinceMs\""));
  auto nobody = tree(manager, {"nobody"});
  CAF_CHECK_EQUAL(nobody.code, 4);
  CAF_CHECK(contains(nobody.err, "nobody"));
  // One that is frozen is told of, and nobody waits for it for ever.
  worker.signal_node(SIGSTOP);
  auto frozen = tree(manager, {"w1"});
  worker.signal_node(SIGCONT);
  CAF_CHECK(frozen.code != 0);
  CAF_CHECK(contains(frozen.err, "w1"));
}

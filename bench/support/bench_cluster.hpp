// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "bench/support/usage.hpp"
#include "tests/process/support/real_cluster.hpp"

#include <memory>
#include <string>
#include <vector>

namespace coppice::bench {

/// How a cluster is built.
struct shape {
  size_t managers = 1;
  uint32_t shards = 1;
};

/// Reads "1", "3", or "3x2": managers, and shards if there are several.
/// @throws std::runtime_error for all else.
/// @relates shape
shape parse_shape(const std::string& x);

/// Renders *x* as `parse_shape` reads it.
/// @relates shape
std::string to_string(const shape& x);

/// One or several managers that do nothing else, and one worker: real processes
/// that speak by loopback.
class bench_cluster {
public:
  /// Starts it, and waits until the lead of each group has come to rest.
  explicit bench_cluster(const shape& x);

  bench_cluster(const bench_cluster&) = delete;

  bench_cluster& operator=(const bench_cluster&) = delete;

  ~bench_cluster();

  /// Returns a client that asks the leader of the first shard first.
  client& c() {
    return *client_;
  }

  test::real_node& leader() {
    return managers_.leader("shard-0");
  }

  const std::vector<std::unique_ptr<test::real_node>>& managers() const {
    return managers_.nodes;
  }

  /// One for each shard.
  const std::vector<std::string>& products() const {
    return products_;
  }

  const std::filesystem::path& folder() const {
    return managers_.folder.path();
  }

  /// Returns what all managers have done.
  work_done work() const;

  /// Kills all managers at once and starts them again.
  /// @returns The seconds until a submit that follows is answered.
  double restart_managers();

private:
  /// Returns whether all managers vote in all groups, and none of them will be
  /// handed over.
  bool at_rest(client& c) const;

  void connect_to_leader();

  shape shape_;

  std::vector<std::string> products_;

  test::real_cluster managers_;

  std::unique_ptr<test::real_node> worker_;

  std::unique_ptr<client> client_;
};

} // namespace coppice::bench

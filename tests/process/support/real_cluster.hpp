// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "tests/process/support/network.hpp"
#include "tests/process/support/real_node.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace coppice::test {

/// Real managers, by default a, b and c, each a worker as well.
struct real_cluster {
  /// @param settings Options of all of them.
  /// @param net Where each of them is a host, and which outlives them; null:
  /// all
  ///            are on loopback.
  /// @param binary The program of those.
  explicit real_cluster(std::map<std::string, std::string> settings = {},
                        const std::vector<std::string>& names = {"a", "b", "c"},
                        network* net = nullptr,
                        const std::string& binary = COPPICE_BINARY);

  /// Adds a manager that is told of the others, and starts none.
  real_node& add(const std::string& name);

  void start();

  /// Returns a client that knows all of them.
  std::unique_ptr<client> connect_to_all();

  /// Returns the node that began to lead a group in its newest term.
  real_node& leader(const std::string& group = "shard-0");

  /// Returns one that is not *x*, if there is one.
  real_node& other_than(const real_node& x);

  /// Returns the addresses of all, with commas between.
  std::string addresses() const;

  temp_folder folder;
  std::map<std::string, std::string> settings;
  std::vector<std::unique_ptr<real_node>> nodes;
};

/// Returns what the leader of a group says of all managers.
std::vector<proto::Manager> managers_of(client& c, const std::string& group);

/// Returns whether the manager *name* is there and votes, in all groups of a
/// cluster with one shard.
bool votes(client& c, const std::string& name);

/// Returns the spec of a task that does nothing.
proto::TaskSpec noop();

/// Returns the spec of a task that runs a shell script.
proto::TaskSpec command(const std::string& script);

} // namespace coppice::test

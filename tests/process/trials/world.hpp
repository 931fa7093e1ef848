// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "tests/process/support/network.hpp"
#include "tests/process/support/real_cluster.hpp"
#include "tests/process/trials/trial_options.hpp"

#include <spdlog/logger.h>

#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace coppice::trial {

/// The managers, the workers, and the network between them.
class world {
public:
  explicit world(const trial_options& x);

  void start();

  /// Returns a client that knows all managers, and whose troubles are told.
  std::unique_ptr<client> connect();

  /// Where tasks write down what they do.
  std::filesystem::path journal_file() const {
    return folder.path() / "journal";
  }

  /// Returns all groups with the manager that each of them is led by.
  std::vector<std::string> groups() const;

  /// Returns whether all managers vote, are there, and have everything, in all
  /// groups, and all workers are there.
  bool is_whole(client& c) const;

  /// Returns what the logs say of nodes that ended though nobody killed them.
  std::vector<std::string> crashes() const;

  trial_options options;
  test::temp_folder folder;
  /// Says when what was done, in the way of the logs of the nodes beside it.
  spdlog::logger diary;
  /// Null without partitions: then all are on loopback.
  std::unique_ptr<test::network> net;
  test::real_cluster cluster;
  std::vector<std::unique_ptr<test::real_node>> workers;
};

/// Returns what each node that is connected now, or was once, is like.
std::vector<proto::Node> nodes_of(client& c);

} // namespace coppice::trial

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/process/trials/world.hpp"

#include "runtime/duration.hpp"
#include "runtime/log.hpp"

#include <spdlog/sinks/basic_file_sink.h>

#include <algorithm>
#include <map>
#include <sstream>

namespace coppice::trial {

using test::network;
using test::node_place;
using test::real_node;

namespace {

using settings = std::map<std::string, std::string>;

settings manager_settings(const trial_options& x) {
  return {{"node.roles", "manager"},
          {"cluster.shards", std::to_string(x.shards)},
          {"lease.duration", format_duration(x.lease)},
          {"raft.trailing_entries", "500"},
          {"keepalive.interval", "300ms"}};
}

std::vector<std::string> manager_names(int n) {
  std::vector<std::string> result;
  for (auto i = 0; i < n; ++i)
    result.emplace_back(1, static_cast<char>('a' + i));
  return result;
}

} // namespace

world::world(const trial_options& x)
  : options(x),
    diary("diary", std::make_shared<spdlog::sinks::basic_file_sink_mt>(
                     (folder.path() / "trial.log").string())),
    net(x.partitions > 0 ? std::make_unique<network>() : nullptr),
    cluster(manager_settings(x), manager_names(x.managers), net.get()) {
  diary.set_formatter(log::line_format("trial"));
  diary.flush_on(spdlog::level::info);
  settings own{{"node.roles", "worker"},
               {"worker.slots", std::to_string(64 / x.workers)},
               {"worker.managers", cluster.addresses()},
               {"lease.duration", format_duration(x.lease)},
               {"keepalive.interval", "300ms"}};
  for (auto i = 1; i <= x.workers; ++i)
    workers.push_back(std::make_unique<real_node>(
      folder.path(), "worker-" + std::to_string(i), own, COPPICE_BINARY,
      net ? net->add() : node_place{}));
}

void world::start() {
  cluster.start();
  for (auto& x : workers)
    x->start();
}

std::unique_ptr<client> world::connect() {
  auto result = cluster.connect_to_all();
  result->on_trouble([this](const error& x) { diary.info(x.message); });
  return result;
}

std::vector<std::string> world::groups() const {
  std::vector<std::string> result{"cluster"};
  for (auto i = 0; i < options.shards; ++i)
    result.push_back("shard-" + std::to_string(i));
  return result;
}

bool world::is_whole(client& c) const {
  auto votes = [](auto& x) {
    return x.connected()
           && (x.role() == proto::Manager::VOTER
               || x.role() == proto::Manager::LEADER);
  };
  for (auto& group : groups()) {
    auto xs = test::managers_of(c, group);
    if (static_cast<int>(xs.size()) != options.managers
        || !std::all_of(xs.begin(), xs.end(), votes))
      return false;
  }
  auto xs = nodes_of(c);
  auto n = std::count_if(xs.begin(), xs.end(),
                         [](auto& x) { return x.connected(); });
  return n == options.workers;
}

std::vector<std::string> world::crashes() const {
  std::vector<std::string> result;
  auto look = [&](const real_node& x) {
    std::istringstream log{x.log()};
    for (std::string line; std::getline(log, line);)
      if (line.find("node ended") != std::string::npos
          && line.find("signal 9") == std::string::npos)
        result.push_back(x.name() + ": " + line);
  };
  for (auto& x : cluster.nodes)
    look(*x);
  for (auto& x : workers)
    look(*x);
  return result;
}

std::vector<proto::Node> nodes_of(client& c) {
  proto::Request request;
  request.mutable_nodes();
  auto reply = test::ask(c, request);
  auto& xs = reply.nodes().nodes();
  return {xs.begin(), xs.end()};
}

} // namespace coppice::trial

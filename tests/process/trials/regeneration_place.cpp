// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/process/trials/regeneration_place.hpp"

#include "runtime/health/regeneration/regeneration_rules.hpp"
#include "tests/process/trials/counting.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <utility>

namespace coppice::trial {

using namespace test;

namespace {

/// What a manager may be behind while others write.
constexpr uint64_t small_lag = 1'000;

const std::vector<std::string> names{"a", "b", "c"};

/// Returns *f*, with false for what it throws: while managers are killed some
/// questions are not answered.
std::function<bool()> trying(std::function<bool()> f) {
  return [f] {
    try {
      return f();
    } catch (const std::runtime_error&) {
      return false;
    }
  };
}

} // namespace

regeneration_place::regeneration_place(std::string service,
                                       const std::string& binary)
  : service_(std::move(service)),
    cluster_({}, names, nullptr, binary) {
  gateway_ = std::make_unique<real_node>(
    cluster_.folder.path(), "g",
    std::map<std::string, std::string>{
      {"node.roles", "gateway"},
      {"worker.managers", cluster_.addresses()},
      {"http.listen", "127.0.0.1:" + std::to_string(http_)}});
}

void regeneration_place::start() {
  cluster_.start();
  gateway_->start();
  client_ = cluster_.connect_to_all();
  auto file = cluster_.folder.path() / "service.conf";
  std::ofstream{file} << "[service." << service_ << "]\nform = native\n";
  command_result last;
  auto taken = eventually([&] {
    last = run_coppice(
      {"service", "apply", file.string(), "--connect", cluster_.addresses()});
    return last.code == 0;
  });
  if (!taken)
    throw std::runtime_error{"the service is not taken: " + last.err};
  await_wholeness();
}

result<std::vector<proto::RegenerationRow>>
regeneration_place::begin(const std::string& target,
                          const std::string& reason) {
  proto::Request request;
  request.mutable_regenerate()->set_target(target);
  request.mutable_regenerate()->set_reason(reason);
  auto reply = client_->ask(request);
  // Managers hand leads over when one of them is back: then it is not taken.
  eventually([&] {
    auto again = reply && reply.value().has_error()
                 && reply.value().error().code()
                      == static_cast<uint32_t>(ec::not_leader);
    if (again)
      reply = client_->ask(request);
    return !again;
  });
  if (!reply)
    return reply.error();
  if (reply.value().has_error())
    return error{static_cast<ec>(reply.value().error().code()),
                 reply.value().error().message()};
  auto& rows = reply.value().regenerate().begun();
  return std::vector<proto::RegenerationRow>{rows.begin(), rows.end()};
}

std::vector<proto::RegenerationRow> regeneration_place::since(uint64_t number) {
  proto::Request request;
  request.mutable_regenerations()->set_limit(1'000);
  auto reply = ask(*client_, request);
  std::vector<proto::RegenerationRow> out;
  for (auto& x : reply.regenerations().regenerations())
    if (x.number() > number)
      out.push_back(x);
  std::reverse(out.begin(), out.end());
  return out;
}

std::vector<proto::RegenerationRow>
regeneration_place::await_ends(uint64_t number) {
  std::vector<proto::RegenerationRow> out;
  auto ended
    = eventually(trying([&] {
                   out = since(number);
                   return std::none_of(out.begin(), out.end(), is_under_way);
                 }),
                 end_of_regeneration);
  if (!ended)
    throw std::runtime_error{
      "a regeneration has no end: "
      + (out.empty() ? "nobody knows of it" : out.back().ShortDebugString())};
  return out;
}

void regeneration_place::await_successor(const real_node& x, pid_t killed) {
  auto is_there = trying([&] {
    proto::Request request;
    request.mutable_nodes();
    auto reply = ask(*client_, request);
    auto& nodes = reply.nodes().nodes();
    return std::any_of(nodes.begin(), nodes.end(), [&](auto& y) {
      return y.name() == x.name() && y.pid() != static_cast<uint64_t>(killed);
    });
  });
  if (!eventually(is_there, end_of_regeneration))
    throw std::runtime_error{x.name() + " does not start again"};
}

bool regeneration_place::is_whole() {
  for (auto& group : {"cluster", "shard-0"}) {
    auto managers = managers_of(*client_, group);
    uint64_t last = 0;
    for (auto& x : managers)
      last = std::max(last, x.match_index());
    for (auto& x : managers)
      if (!x.connected() || x.match_index() + small_lag < last
          || (x.role() != proto::Manager::LEADER
              && x.role() != proto::Manager::VOTER))
        return false;
    if (managers.size() != names.size())
      return false;
  }
  proto::Request request;
  request.mutable_nodes();
  auto reply = ask(*client_, request);
  auto& nodes = reply.nodes().nodes();
  auto is_well = [](const proto::Node& x) {
    return x.state() == "healthy" && !x.suspected()
           && x.regeneration() == proto::NO_PHASE;
  };
  return static_cast<size_t>(nodes.size()) == names.size() + 1
         && std::all_of(nodes.begin(), nodes.end(), is_well)
         && counted(http_, service_).has_value();
}

void regeneration_place::await_wholeness() {
  if (!eventually(trying([this] { return is_whole(); }), end_of_regeneration))
    throw std::runtime_error{"the nodes or the service are not well again"};
}

real_node* regeneration_place::owner() {
  proto::Request request;
  request.mutable_services();
  auto reply = ask(*client_, request);
  for (auto& row : reply.services().services())
    for (auto& place : row.places())
      for (auto& x : cluster_.nodes)
        if (place.node() == x->name())
          return x.get();
  return nullptr;
}

void print_durations(const std::string& what,
                     const std::vector<proto::RegenerationRow>& rows) {
  std::map<int, std::vector<double>> phases;
  std::vector<double> all;
  for (auto& row : rows) {
    if (row.steps_size() == 0)
      continue;
    all.push_back(static_cast<double>(row.ended_ms() - row.steps(0).at_ms()));
    for (auto i = 0; i < row.steps_size(); ++i) {
      auto end
        = i + 1 < row.steps_size() ? row.steps(i + 1).at_ms() : row.ended_ms();
      phases[row.steps(i).phase()].push_back(
        static_cast<double>(end - row.steps(i).at_ms()));
    }
  }
  auto line = [](const char* name, const std::vector<double>& xs) {
    std::printf("    %-10s %5zu times, median %6.0f, p90 %6.0f, max %6.0f ms\n",
                name, xs.size(), quantile(xs, 0.5), quantile(xs, 0.9),
                quantile(xs, 1));
  };
  std::printf("  %s, from the begin to the end, and in each phase\n",
              what.c_str());
  line("all", all);
  for (auto& [phase, xs] : phases)
    line(coppice::describe(static_cast<proto::RegenerationPhase>(phase)), xs);
}

} // namespace coppice::trial

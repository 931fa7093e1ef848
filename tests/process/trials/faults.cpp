// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/process/trials/faults.hpp"

#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <thread>

namespace coppice::trial {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;
using test::real_node;

namespace {

/// Longer than a lease, and than a connection lives without news.
constexpr auto long_time = 4s;

void pause(std::chrono::milliseconds x) {
  std::this_thread::sleep_for(x);
}

} // namespace

faults::faults(world& where, progress_of_faults& progress)
  : world_(where),
    progress_(progress),
    rng_(where.options.seed),
    client_(where.connect()) {}

void faults::inject_all() {
  try {
    inject(plan_faults(world_.options));
  } catch (const std::exception& x) {
    done_.faults.push_back(std::string{"the faults ended: "} + x.what());
  }
  progress_.over = true;
}

void faults::inject(const std::vector<fault>& plan) {
  auto n = 0;
  for (auto& x : plan) {
    progress_.share
      = static_cast<double>(n++) / static_cast<double>(plan.size());
    progress_.wants_load = true;
    auto loaded = test::eventually([&] { return leases() >= under_load; });
    progress_.wants_load = false;
    pause(std::chrono::milliseconds{random(300)});
    inject(x, loaded);
    world_.diary.info("fault {} of {} is over", n, plan.size());
    done_.on_leader += x.on_leader ? 1 : 0;
    pause(world_.options.pause);
  }
}

void faults::inject(const fault& x, bool loaded) {
  switch (x.kind) {
    case fault_kind::kill:
      done_.kills_under_load += loaded ? 1 : 0;
      return kill(x);
    case fault_kind::freeze:
      return freeze(x);
    case fault_kind::loss:
      return lose_data(x);
    case fault_kind::partition:
      return partition(x);
  }
}

void faults::kill(const fault& x) {
  ++done_.kills;
  auto& victim = x.on_leader      ? some_leader()
                 : random(2) == 0 ? some_manager()
                                  : some_worker();
  world_.diary.info("kills {}", victim.name());
  if (random(5) == 0) {
    victim.kill_both();
    victim.start();
  } else {
    victim.signal_node(SIGKILL);
  }
}

/// What a frozen worker ran is given to others, or to itself, and its late
/// results must be refused. A frozen leader is deposed and does not know it.
void faults::freeze(const fault& x) {
  ++done_.freezes;
  auto& victim = x.on_leader ? some_leader() : some_worker();
  world_.diary.info("freezes {}", victim.name());
  auto pid = victim.signal_node(SIGSTOP);
  pause(long_time);
  if (pid)
    ::kill(*pid, SIGCONT);
}

/// Only a majority has all that was acknowledged: the others must be back.
void faults::lose_data(const fault& x) {
  ++done_.losses;
  await_wholeness("earlier faults");
  auto& victim = x.on_leader ? some_leader() : some_manager();
  world_.diary.info("has {} lose its data", victim.name());
  victim.kill_both();
  std::filesystem::remove_all(victim.data());
  victim.start();
  await_wholeness("the loss of " + victim.name());
}

void faults::partition(const fault& x) {
  ++done_.partitions;
  if (x.on_leader)
    cut_leader_off();
  else if (x.turn % 3 == 0 && world_.options.managers > 1)
    cut_managers_apart();
  else
    cut_worker_off();
  auto is_long = x.turn % 2 == 0;
  pause(is_long ? long_time : std::chrono::milliseconds{200 + random(700)});
  world_.net->heal();
  world_.diary.info("heals the network");
  auto healed = clock_type::now();
  await_wholeness("a partition");
  auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
    clock_type::now() - healed);
  done_.longest_healing = std::max(done_.longest_healing, took);
}

void faults::cut_leader_off() {
  auto spared = random(2) == 0 ? world_.net->here() : std::string{};
  auto& leader = some_leader();
  world_.diary.info("cuts off {}{}", leader.name(),
                    spared.empty() ? "" : ", but not from clients");
  world_.net->isolate(leader.host(), spared);
}

void faults::cut_managers_apart() {
  auto& nodes = world_.cluster.nodes;
  auto i = random(nodes.size());
  auto& one = *nodes[i];
  auto& other = *nodes[(i + 1 + random(nodes.size() - 1)) % nodes.size()];
  auto both = random(2) == 0;
  world_.diary.info("cuts {} off from {}{}", one.name(), other.name(),
                    both ? "" : ", one way");
  world_.net->cut_one_way(one.host(), other.host());
  if (both)
    world_.net->cut_one_way(other.host(), one.host());
}

void faults::cut_worker_off() {
  auto& worker = some_worker();
  world_.diary.info("cuts off {}", worker.name());
  for (auto& manager : world_.cluster.nodes)
    world_.net->cut(worker.host(), manager->host());
}

void faults::await_wholeness(const std::string& after) {
  auto whole = test::eventually([&] { return world_.is_whole(*client_); });
  if (!whole)
    done_.faults.push_back("the cluster did not become whole after " + after);
}

uint32_t faults::leases() const {
  uint32_t n = 0;
  for (auto& node : nodes_of(*client_))
    n += node.connected() ? node.leased() : 0;
  return n;
}

real_node& faults::some_leader() {
  auto groups = world_.groups();
  return world_.cluster.leader(groups[random(groups.size())]);
}

real_node& faults::some_manager() {
  return *world_.cluster.nodes[random(world_.cluster.nodes.size())];
}

real_node& faults::some_worker() {
  return *world_.workers[random(world_.workers.size())];
}

size_t faults::random(size_t n) {
  return rng_() % n;
}

} // namespace coppice::trial

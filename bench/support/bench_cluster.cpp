// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "bench/support/bench_cluster.hpp"

#include "bench/support/workload.hpp"
#include "runtime/task/product_route.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>

namespace coppice::bench {

using namespace coppice::test;

namespace {

std::map<std::string, std::string> manager_settings(const shape& x) {
  return {{"node.roles", "manager"},
          {"cluster.shards", std::to_string(x.shards)}};
}

std::vector<std::string> manager_names(const shape& x) {
  std::vector<std::string> names;
  for (size_t i = 0; i < x.managers; ++i)
    names.emplace_back(1, static_cast<char>('a' + i));
  return names;
}

/// Returns a product for each shard.
std::vector<std::string> spread_products(uint32_t shards) {
  std::vector<std::string> out;
  for (auto n = 0; out.size() < shards; ++n) {
    auto name = "runnable-" + std::to_string(n);
    if (first_shard(name, shards) == out.size())
      out.push_back(std::move(name));
  }
  return out;
}

proto::TaskSpec first_task(const std::string& product) {
  auto x = noop();
  x.set_product(product);
  return x;
}

} // namespace

shape parse_shape(const std::string& x) {
  for (auto& known : {shape{1, 1}, shape{1, 2}, shape{3, 1}, shape{3, 2}})
    if (to_string(known) == x)
      return known;
  throw std::runtime_error{"'" + x + "' is none of 1, 1x2, 3 and 3x2"};
}

std::string to_string(const shape& x) {
  auto managers = std::to_string(x.managers);
  return x.shards == 1 ? managers : managers + "x" + std::to_string(x.shards);
}

// -- constructors, destructors, and assignment operators ----------------------

bench_cluster::bench_cluster(const shape& x)
  : shape_(x),
    products_(spread_products(x.shards)),
    managers_(manager_settings(x), manager_names(x)) {
  managers_.start();
  client_ = managers_.connect_to_all();
  worker_ = std::make_unique<real_node>(
    folder(), "worker",
    std::map<std::string, std::string>{
      {"node.roles", "worker"},
      {"worker.slots", "1000"},
      {"worker.managers", managers_.addresses()}});
  worker_->start();
  for (auto& product : products_)
    await_end(*client_, submit(*client_, {first_task(product)}).at(0));
  if (!eventually([&] { return at_rest(*client_); }))
    throw std::runtime_error{"the managers do not come to rest"};
  connect_to_leader();
}

bench_cluster::~bench_cluster() {
  client_.reset();
  worker_->kill_both();
  for (auto& x : managers_.nodes)
    x->kill_both();
}

// -- modifiers ----------------------------------------------------------------

double bench_cluster::restart_managers() {
  for (auto& x : managers_.nodes)
    x->kill_both();
  auto begin = clock_type::now();
  managers_.start();
  submit(*client_, {first_task(products_.front())});
  return seconds_since(begin);
}

void bench_cluster::connect_to_leader() {
  auto& first = leader();
  std::vector<host_port> others;
  for (auto& x : managers_.nodes)
    if (x.get() != &first)
      others.push_back({"127.0.0.1", x->port()});
  client_ = connect(first, std::move(others));
  await_end(*client_, submit(*client_, {first_task(products_.front())}).at(0));
}

// -- properties ---------------------------------------------------------------

work_done bench_cluster::work() const {
  work_done sum;
  for (auto& x : managers_.nodes)
    if (auto pid = x->node_pid())
      sum = sum + work_of(*pid);
  return sum;
}

bool bench_cluster::at_rest(client& c) const {
  std::map<std::string, int> leads;
  for (auto& x : managers_.nodes)
    leads[x->name()] = 0;
  auto look_at = [&](const std::string& group) {
    size_t voters = 0;
    for (auto& x : managers_of(c, group)) {
      auto leader = x.role() == proto::Manager::LEADER;
      leads[x.name()] += leader ? 1 : 0;
      voters += x.connected() && (leader || x.role() == proto::Manager::VOTER);
    }
    return voters == shape_.managers;
  };
  if (!look_at("cluster"))
    return false;
  for (uint32_t i = 0; i < shape_.shards; ++i)
    if (!look_at("shard-" + std::to_string(i)))
      return false;
  // Who leads two more than another one is about to hand one over.
  auto [least, most]
    = std::minmax_element(leads.begin(), leads.end(),
                          [](auto& x, auto& y) { return x.second < y.second; });
  return most->second - least->second < 2;
}

} // namespace coppice::bench

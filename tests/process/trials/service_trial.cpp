// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// Clients add to a native counter through a gateway, each addition with an id
// of its own, and repeat what is not answered until it is, while processes of
// the cluster are killed every two seconds. At the end the counter has counted
// each id once, and no two additions were answered with the same number.
//
//   service_trial [SECONDS] [owner|gateway|manager]...
//                                      default 60 owner; victims take turns

#include "tests/process/support/real_node.hpp"
#include "tests/process/trials/counting.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace coppice;
using namespace coppice::test;
using namespace coppice::trial;
using namespace std::chrono_literals;

namespace {

constexpr auto kill_pause = 2s;

std::map<std::string, std::string> member_settings(const std::string& roles,
                                                   const real_node& manager) {
  return {{"node.roles", roles}, {"worker.managers", manager.address()}};
}

/// A manager, two workers that may have the service, and a gateway, each a
/// process of its own.
class service_cluster {
public:
  service_cluster()
    : manager_(folder_.path(), "m1", {{"node.roles", "manager"}}),
      w1_(folder_.path(), "w1", member_settings("worker", manager_)),
      w2_(folder_.path(), "w2", member_settings("worker", manager_)),
      gateway_(folder_.path(), "g1", member_settings("gateway", manager_)) {
    gateway_.set("http.listen", "127.0.0.1:" + std::to_string(http_));
    for (auto* x : {&manager_, &w1_, &w2_, &gateway_})
      x->start();
  }

  uint16_t http() const {
    return http_;
  }

  void apply_counter() {
    auto file = folder_.path() / "counter.conf";
    std::ofstream{file} << "[service.counter]\nform = native\n";
    command_result last;
    auto done = eventually([&] {
      last = run_coppice(
        {"service", "apply", file.string(), "--connect", manager_.address()});
      return last.code == 0;
    });
    if (!done)
      throw std::runtime_error{"the service is not taken: " + last.err};
    if (!eventually([this] { return counted(http_).has_value(); }))
      throw std::runtime_error{"the counter does not answer"};
  }

  /// Kills a node process; its keeper starts it again.
  /// @returns Whether there was one.
  bool kill(const std::string& victim) {
    if (victim == "gateway")
      return gateway_.signal_node(SIGKILL).has_value();
    if (victim == "manager")
      return manager_.signal_node(SIGKILL).has_value();
    auto list
      = run_coppice({"service", "list", "--connect", manager_.address()});
    auto& owner = list.out.find("w2") != std::string::npos ? w2_ : w1_;
    return owner.signal_node(SIGKILL).has_value();
  }

private:
  temp_folder folder_;
  uint16_t http_ = free_port();
  real_node manager_;
  real_node w1_;
  real_node w2_;
  real_node gateway_;
};

void report(const testimony& said, size_t kills) {
  auto times = times_of(said.done);
  auto repeated = std::count_if(said.done.begin(), said.done.end(),
                                [](auto& x) { return x.tries > 1; });
  std::printf(
    "  %zu kills, %zu additions, %td of them asked more than once\n"
    "  until answered: median %.1f ms, p99 %.0f ms, longest %.0f ms\n",
    kills, said.done.size(), repeated, quantile(times, 0.5),
    quantile(times, 0.99), quantile(times, 1));
}

/// @returns Whether everything was counted once.
bool run(std::chrono::seconds time, const std::vector<std::string>& victims) {
  service_cluster cluster;
  cluster.apply_counter();
  counting_options how;
  how.port = cluster.http();
  counting_clients clients{how};
  size_t kills = 0;
  auto end = trial_clock::now() + time;
  for (size_t turn = 0; trial_clock::now() < end; ++turn) {
    std::this_thread::sleep_for(kill_pause);
    kills += cluster.kill(victims[turn % victims.size()]) ? 1 : 0;
  }
  auto said = clients.stop();
  std::optional<uint64_t> value;
  eventually([&] {
    value = counted(cluster.http());
    return value.has_value();
  });
  auto faults = judge(said, value);
  if (kills == 0)
    faults.push_back("nothing was killed");
  report(said, kills);
  for (auto& x : faults)
    std::printf("  FAULT: %s\n", x.c_str());
  return faults.empty();
}

} // namespace

int main(int argc, char** argv) {
  try {
    std::chrono::seconds time{argc > 1 ? std::max(2, std::atoi(argv[1])) : 60};
    std::vector<std::string> victims{argv + std::min(argc, 2), argv + argc};
    if (victims.empty())
      victims = {"owner"};
    for (auto& x : victims)
      if (x != "owner" && x != "gateway" && x != "manager")
        throw std::invalid_argument{"what is " + x + "?"};
    auto good = run(time, victims);
    std::printf("%s\n", good ? "each id was counted once" : "FAILED");
    return good ? 0 : 1;
  } catch (const std::exception& x) {
    std::printf("FAILED: %s\n", x.what());
    return 1;
  }
}

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// How long nobody can write when a leader is killed: three managers on this
// machine, a client that submits one task after the other, and SIGKILL for the
// leader, many times over. Measured from the signal to the first answer that
// was asked for after it.
//
//   failover [KILLS] [ELECTION_TIMEOUT]    default 50 500ms

#include "tests/process/support/real_cluster.hpp"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

using namespace coppice;
using namespace coppice::test;

namespace {

using clock_type = std::chrono::steady_clock;

/// Returns whether all three vote, are connected, and have everything.
bool is_whole(client& c) {
  proto::Request request;
  request.mutable_managers();
  auto reply = ask(c, request);
  auto& xs = reply.managers().managers();
  uint64_t last = 0;
  for (auto& x : xs)
    last = std::max(last, x.match_index());
  return xs.size() == 3 && std::all_of(xs.begin(), xs.end(), [&](auto& x) {
           return x.connected() && x.role() != proto::Manager::LEARNER
                  && x.match_index() + 10 > last;
         });
}

double kill_leader(real_cluster& cluster, client& c) {
  if (!eventually([&] { return is_whole(c); }))
    throw std::runtime_error{"the managers do not find each other"};
  auto& dead = cluster.leader();
  auto begin = clock_type::now();
  dead.kill_both();
  submit(c, {noop()});
  auto took = clock_type::now() - begin;
  dead.start();
  return std::chrono::duration<double, std::milli>(took).count();
}

int run(int kills, const std::string& timeout) {
  real_cluster cluster{
    std::map<std::string, std::string>{{"raft.election_timeout", timeout}}};
  cluster.start();
  auto c = cluster.connect_to_all();
  submit(*c, {noop()});
  std::vector<double> times;
  for (auto i = 0; i < kills; ++i)
    times.push_back(kill_leader(cluster, *c));
  std::sort(times.begin(), times.end());
  auto at = [&](double p) {
    return times[static_cast<size_t>(p
                                     * static_cast<double>(times.size() - 1))];
  };
  std::printf("election timeout %s, %d leaders killed: until the next answer "
              "min %.0f ms, median %.0f ms, p90 %.0f ms, max %.0f ms\n",
              timeout.c_str(), kills, at(0), at(0.5), at(0.9), at(1));
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  try {
    return run(argc > 1 ? std::max(1, std::atoi(argv[1])) : 50,
               argc > 2 ? argv[2] : "500ms");
  } catch (const std::exception& x) {
    std::fprintf(stderr, "failover: %s\n", x.what());
    return 1;
  }
}

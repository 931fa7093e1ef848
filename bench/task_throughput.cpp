// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// Durable tasks per second: submit -> lease -> finish of `noop` tasks, every
// answer durable, every row kept; managers and a worker are processes of their
// own on this machine. Rules: submits of at most 100 tasks, at most 8
// outstanding, on a real disk. Clusters of several shapes take turns, each time
// from scratch, so that a noisy machine troubles all of them; what counts is
// the ratio of figures of one round. Beside it, in each round: this machine's
// synchronous LMDB commits per second, and the latency from submit to the start
// of a task when idle.
//
//   task_throughput [TASKS] [--shapes 1,3,3x2] [--rounds N] [--folder DIR]
//
// A shape is the number of managers, and the number of shards if not 1.

#include "bench/support/bench_cluster.hpp"
#include "bench/support/options.hpp"
#include "bench/support/workload.hpp"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

using namespace coppice;
using namespace coppice::bench;

namespace {

constexpr int idle_samples = 60;

/// What all rounds of one shape gave.
struct figures {
  shape what;
  std::vector<double> tasks_per_second;
  /// Of all managers, per task.
  std::vector<double> cpu_us;
  std::vector<double> submit_ms;
  std::vector<double> idle_ms;
};

std::vector<figures> parse_shapes(const std::string& text) {
  std::vector<figures> out;
  std::istringstream in{text};
  for (std::string word; std::getline(in, word, ',');)
    out.push_back({parse_shape(word), {}, {}, {}, {}});
  if (out.empty())
    throw std::runtime_error{"no shapes"};
  return out;
}

/// Measures one cluster from scratch.
void measure(figures& x, int tasks) {
  bench_cluster cluster{x.what};
  auto products = cluster.products();
  auto succeeded = [&] {
    uint64_t n = 0;
    for (auto& product : products)
      n += count_succeeded(cluster.c(), product);
    return n;
  };
  auto before = succeeded();
  load work{tasks, products, {}};
  auto done = cluster.work();
  auto busy = run_all(cluster.c(), work);
  done = cluster.work() - done;
  auto wanted = before + static_cast<uint64_t>(tasks);
  if (!test::eventually([&] { return succeeded() == wanted; }))
    throw std::runtime_error{"only " + std::to_string(succeeded() - before)
                             + " tasks succeeded"};
  x.tasks_per_second.push_back(busy.tasks_per_second);
  x.cpu_us.push_back(done.cpu_seconds * 1e6 / tasks);
  x.submit_ms.insert(x.submit_ms.end(), busy.submit_ms.begin(),
                     busy.submit_ms.end());
  for (auto i = 0; i < idle_samples; ++i)
    x.idle_ms.push_back(start_latency(cluster.c(), products.front(),
                                      cluster.folder() / "journal"));
}

/// Returns the median of what *f* says of each round.
template <class F>
double over_rounds(size_t rounds, F f) {
  std::vector<double> xs;
  for (size_t i = 0; i < rounds; ++i)
    xs.push_back(f(i));
  return median(std::move(xs));
}

void print(const figures& x, const figures& first,
           const std::vector<double>& commits) {
  auto& rates = x.tasks_per_second;
  auto [least, most] = std::minmax_element(rates.begin(), rates.end());
  std::printf("shape %s\n"
              "  tasks/s                       %.0f (%.0f to %.0f)\n",
              to_string(x.what).c_str(), median(rates), *least, *most);
  auto to = [&](const std::string& what, const std::vector<double>& others) {
    std::printf("  to %-27s%.2f\n", what.c_str(),
                over_rounds(rates.size(),
                            [&](size_t i) { return rates[i] / others[i]; }));
  };
  if (&x != &first)
    to("shape " + to_string(first.what), first.tasks_per_second);
  to("LMDB's commits/s", commits);
  std::printf(
    "  processor time of managers    %.0f us per task\n"
    "  submit (100 tasks) p50, p99   %.1f ms, %.1f ms\n"
    "  idle submit -> start p50, p99 %.2f ms, %.2f ms (%zu samples)\n",
    median(x.cpu_us), median(x.submit_ms), percentile(x.submit_ms, 0.99),
    median(x.idle_ms), percentile(x.idle_ms, 0.99), x.idle_ms.size());
}

int run(int tasks, int rounds, std::vector<figures> xs,
        const std::filesystem::path& where) {
  use_disk(where);
  std::vector<double> commits;
  for (auto round = 0; round < rounds; ++round) {
    test::temp_folder folder;
    commits.push_back(lmdb_commits(folder.path(), std::chrono::seconds{2}));
    for (auto& x : xs)
      measure(x, tasks);
  }
  std::printf("%d rounds, %d tasks each (all succeeded, rows kept); medians\n"
              "LMDB synchronous commits/s      %.0f\n",
              rounds, tasks, median(commits));
  for (auto& x : xs)
    print(x, xs.front(), commits);
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  try {
    auto xs = read_options(argc, argv,
                           {{"count", "200000"},
                            {"shapes", "1,3"},
                            {"rounds", "5"},
                            {"folder", "."}});
    return run(std::max(1, std::stoi(xs["count"])),
               std::max(1, std::stoi(xs["rounds"])), parse_shapes(xs["shapes"]),
               std::filesystem::absolute(xs["folder"]));
  } catch (const std::exception& x) {
    std::fprintf(stderr, "task_throughput: %s\n", x.what());
    return 1;
  }
}

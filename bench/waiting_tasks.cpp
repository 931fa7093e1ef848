// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// What many waiting tasks cost. Two clusters of the same shape: one stays
// empty but for one task, the other one is filled with tasks that no worker may
// take, because they want a label that none has. Then both run other tasks, in
// turn, so that the machine's noise troubles both. Measured: the rate of
// filling, bytes per waiting task on disk and in memory, durable tasks per
// second and latency from submit to start beside those of the empty one, and
// how long managers that were killed take until they answer again.
//
//   waiting_tasks [WAITING] [--managers 1|3] [--tasks N] [--rounds N]
//                 [--folder DIR]

#include "bench/support/bench_cluster.hpp"
#include "bench/support/options.hpp"
#include "bench/support/usage.hpp"
#include "bench/support/workload.hpp"

#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace coppice;
using namespace coppice::bench;

namespace {

constexpr int idle_samples = 20;

/// Longer than changes stay in memory before they are flushed.
constexpr auto flush_pause = std::chrono::milliseconds{300};

/// Enough for the disk to be quiet.
constexpr auto settle_pause = std::chrono::seconds{3};

/// One of the two clusters, and what was measured on it.
struct subject {
  explicit subject(const shape& x) : cluster(x) {
    // nop
  }

  memory_use memory() {
    auto pid = cluster.leader().node_pid();
    if (!pid)
      throw std::runtime_error{"the leader has died"};
    return memory_of(*pid);
  }

  environment_use disk(const char* which) {
    return use_of(cluster.leader().data() / "groups" / "shard-0" / which);
  }

  /// Measures one round.
  void measure(int tasks) {
    auto& product = cluster.products().front();
    load work;
    work.tasks = tasks;
    work.products = {product};
    auto before = cluster.work();
    tasks_per_second.push_back(run_all(cluster.c(), work).tasks_per_second);
    // What is flushed later belongs to it.
    std::this_thread::sleep_for(flush_pause);
    auto used = cluster.work() - before;
    cpu_us.push_back(used.cpu_seconds * 1e6 / tasks);
    written.push_back(static_cast<double>(used.written_bytes) / tasks);
    for (auto i = 0; i < idle_samples; ++i)
      start_ms.push_back(
        start_latency(cluster.c(), product, cluster.folder() / "journal"));
  }

  void forget() {
    for (auto* xs : {&tasks_per_second, &cpu_us, &written, &start_ms})
      xs->clear();
  }

  bench_cluster cluster;
  std::vector<double> tasks_per_second;
  std::vector<double> cpu_us;
  std::vector<double> written;
  std::vector<double> start_ms;
  std::vector<double> restart_s;
};

double per_task(uint64_t now, uint64_t before, int tasks) {
  return (static_cast<double>(now) - static_cast<double>(before)) / tasks;
}

void print_memory(const char* when, const memory_use& x,
                  const memory_use& empty, int waiting) {
  constexpr auto mib = 1 << 20;
  std::printf("memory %-23s anonymous %.0f MiB (empty %.0f: %.1f bytes per "
              "task), mapped files %.0f MiB (empty %.0f)\n",
              when, static_cast<double>(x.anonymous) / mib,
              static_cast<double>(empty.anonymous) / mib,
              per_task(x.anonymous, empty.anonymous, waiting),
              static_cast<double>(x.mapped) / mib,
              static_cast<double>(empty.mapped) / mib);
}

/// Adds waiting tasks.
/// @returns How many in a second.
double add_waiting(subject& x, int n) {
  load work;
  work.tasks = n;
  work.products = {"waiting"};
  work.labels = {"nobody=has-this"};
  work.batch = 1'000;
  return submit_all(x.cluster.c(), work).tasks_per_second;
}

/// Fills a cluster, and says what the waiting tasks take.
void fill(subject& x, subject& empty, int waiting) {
  auto before = x.disk("tables");
  auto rate = add_waiting(x, waiting);
  std::this_thread::sleep_for(settle_pause);
  std::printf("filled in                      %.1f s, %.0f tasks/s\n",
              waiting / rate, rate);
  auto tables = x.disk("tables");
  std::printf("disk, pages in use             %.0f bytes per task, of one "
              "manager\n",
              per_task(tables.used_bytes, before.used_bytes, waiting));
  for (auto name : {"spec", "task", "queue", "key"})
    std::printf(
      "  table %-8s               %.0f\n", name,
      per_task(tables.tables[name].bytes, before.tables[name].bytes, waiting));
  std::printf("disk, files                    %.0f bytes per task (with free "
              "pages and the log)\n",
              static_cast<double>(tables.file_bytes + x.disk("log").file_bytes)
                / waiting);
  print_memory("after filling", x.memory(), empty.memory(), waiting);
}

/// Prints two figures and the ratio of them.
void print_pair(const char* what, const char* unit, double filled,
                double empty) {
  std::printf("%-30s %.2f %s, empty %.2f %s, ratio %.2f\n", what, filled, unit,
              empty, unit, filled / empty);
}

/// Prints what was measured in rounds, and the median of their ratios.
void print_rounds(const char* what, const char* unit,
                  const std::vector<double>& filled,
                  const std::vector<double>& empty) {
  std::vector<double> ratios;
  for (size_t i = 0; i < filled.size(); ++i)
    ratios.push_back(filled[i] / empty[i]);
  auto [least, most] = std::minmax_element(ratios.begin(), ratios.end());
  std::printf("%-30s %.0f %s, empty %.0f %s, ratio %.2f (%.2f to %.2f)\n", what,
              median(filled), unit, median(empty), unit, median(ratios), *least,
              *most);
}

void print_throughput(const subject& x, const subject& empty) {
  print_rounds("throughput", "tasks/s", x.tasks_per_second,
               empty.tasks_per_second);
  print_rounds("processor time of managers", "us per task", x.cpu_us,
               empty.cpu_us);
  print_rounds("written by managers", "bytes per task", x.written,
               empty.written);
  for (auto p : {0.5, 0.99})
    print_pair(p == 0.5 ? "idle submit -> start, p50"
                        : "idle submit -> start, p99",
               "ms", percentile(x.start_ms, p), percentile(empty.start_ms, p));
}

/// Checks that all of them still wait, and that only they do.
void check_waiting(subject& x, int waiting) {
  std::this_thread::sleep_for(settle_pause);
  auto rows = x.disk("tables").tables["queue"].rows;
  if (rows != static_cast<uint64_t>(waiting))
    throw std::runtime_error{std::to_string(rows) + " tasks wait"};
}

int run(int waiting, const shape& what, int tasks, int rounds,
        const std::filesystem::path& where) {
  use_disk(where);
  subject empty{what};
  subject full{what};
  std::printf("%d waiting tasks, %s manager(s), %d rounds of %d tasks\n",
              waiting, to_string(what).c_str(), rounds, tasks);
  // Both with warm heaps and caches, and with the same order of products: a
  // task's rows take more room where those of another product follow.
  for (auto* x : {&empty, &full}) {
    add_waiting(*x, 1);
    x->measure(tasks);
    x->forget();
  }
  fill(full, empty, waiting - 1);
  for (auto i = 0; i < rounds; ++i)
    for (auto* x : {&empty, &full})
      x->measure(tasks);
  print_throughput(full, empty);
  check_waiting(full, waiting);
  for (auto i = 0; i < 3; ++i)
    for (auto* x : {&empty, &full})
      x->restart_s.push_back(x->cluster.restart_managers());
  std::this_thread::sleep_for(settle_pause);
  print_pair("kill -9 of all -> next answer", "s", median(full.restart_s),
             median(empty.restart_s));
  print_memory("after the restart", full.memory(), empty.memory(), waiting);
  check_waiting(full, waiting);
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  try {
    auto xs = read_options(argc, argv,
                           {{"count", "1000000"},
                            {"managers", "3"},
                            {"tasks", "30000"},
                            {"rounds", "15"},
                            {"folder", "."}});
    return run(std::max(2, std::stoi(xs["count"])), parse_shape(xs["managers"]),
               std::max(1, std::stoi(xs["tasks"])),
               std::max(1, std::stoi(xs["rounds"])),
               std::filesystem::absolute(xs["folder"]));
  } catch (const std::exception& x) {
    std::fprintf(stderr, "waiting_tasks: %s\n", x.what());
    return 1;
  }
}

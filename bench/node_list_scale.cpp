// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// What many nodes cost the INFORMATION_CENTRE: a real manager with its disk,
// and a process that imitates thousands of nodes. All nodes are told what
// changes. Measured are the time until all have registered at once, what their
// signs of life cost, and how long it takes until they are told that a node has
// come, has left, or is down; and what a node costs that asks for everything.
//
//   node_list_scale [NODES] [--window N] [--events N] [--rest SECONDS]
//                   [--folder DIR]
//
// The window is how many nodes register at the same time.
//
// All nodes share one connection and the two ends share this machine, so the
// last one is told later here than where each node reads its own message; but
// the manager writes to one socket where it would write to many.

#include "bench/support/node_crowd.hpp"
#include "bench/support/options.hpp"
#include "bench/support/usage.hpp"
#include "bench/support/workload.hpp"
#include "tests/process/support/real_node.hpp"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace coppice;
using namespace coppice::bench;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

/// As the actor names its thread.
constexpr auto centre_thread = "inform_centre";

/// Whole lists that are asked for.
constexpr size_t lists = 10;

/// What the manager has used.
struct usage {
  double centre_s = 0;
  double all_s = 0;

  usage& operator+=(const usage& x) {
    centre_s += x.centre_s;
    all_s += x.all_s;
    return *this;
  }
};

/// When nodes were told of single events.
struct told {
  std::vector<double> first_ms;
  std::vector<double> median_ms;
  std::vector<double> last_ms;

  void add(const std::vector<double>& xs) {
    first_ms.push_back(xs.front());
    median_ms.push_back(median(xs));
    last_ms.push_back(xs.back());
  }
};

class bench_run {
public:
  bench_run(size_t nodes, size_t window, size_t events)
    : window_(window),
      events_(events) {
    for (size_t i = 0; i < nodes; ++i)
      crowd_.add();
  }

  /// All are new, and told of each other. They read with one process what they
  /// would read with thousands, so signs of life are rare meanwhile.
  void register_new() {
    start_manager("10m");
    register_all("new nodes");
  }

  /// All are known to a manager that starts again.
  void register_known() {
    start_manager("3s");
    register_all("known nodes");
  }

  void rest(std::chrono::seconds time) {
    auto& done = crowd_.done();
    auto alive = done.alive.load();
    auto before = use();
    auto begin = clock_type::now();
    std::this_thread::sleep_for(time);
    auto seconds = seconds_since(begin);
    auto used = since(before);
    auto count = double(done.alive - alive);
    std::printf("at rest: %.0f signs of life per second\n"
                "  processor time of the centre %.1f %% of a core, %.1f us "
                "each; of the manager %.1f %%, %.1f us each\n",
                count / seconds, 100 * used.centre_s / seconds,
                1e6 * used.centre_s / count, 100 * used.all_s / seconds,
                1e6 * used.all_s / count);
    std::fflush(stdout);
  }

  void tell_all() {
    measure("a node registers", [this] {
      auto number = crowd_.add();
      crowd_.await(number, node_state::healthy);
      crowd_.tell(number, order::enter);
    });
    size_t next = 0;
    measure("a node leaves", [&] {
      crowd_.await(next, node_state::left);
      crowd_.tell(next++, order::leave);
    });
    std::vector<std::unique_ptr<doorman>> doors;
    std::vector<size_t> mortal;
    for (size_t i = 0; i < events_; ++i) {
      doors.push_back(std::make_unique<doorman>());
      mortal.push_back(crowd_.add(doors.back()->address()));
      crowd_.tell(mortal.back(), order::enter);
    }
    // Until each has been dialled. It never comes to rest from here on: by now
    // the nodes ask at different times whether they missed something.
    std::this_thread::sleep_for(5s);
    next = 0;
    measure("a node dies", [&] {
      doors[next].reset();
      crowd_.await(mortal[next], node_state::down);
      crowd_.tell(mortal[next++], order::die);
      ++dead_;
    });
  }

  /// A node that knows nothing asks for the whole list.
  void ask_for_all() {
    auto& done = crowd_.done();
    auto bytes = done.part_bytes.load();
    auto before = use();
    std::vector<double> times;
    for (size_t i = 0; i < lists; ++i) {
      auto begin = clock_type::now();
      auto known = done.lists.load();
      // The first ones have left.
      crowd_.tell(events_ + i, order::ask_for_all);
      if (!eventually([&] { return done.lists > known; }))
        throw std::runtime_error{"no list comes"};
      times.push_back(seconds_since(begin) * 1e3);
    }
    auto used = since(before);
    std::printf("the whole list: %.2f MB in %.1f ms (median of %zu)\n"
                "  processor time of the centre %.1f ms, of the manager %.1f "
                "ms each\n",
                double(done.part_bytes - bytes) / 1e6 / lists, median(times),
                lists, 1e3 * used.centre_s / lists, 1e3 * used.all_s / lists);
  }

private:
  void start_manager(const std::string& limit) {
    manager_.reset();
    manager_ = std::make_unique<real_node>(
      folder_.path(), "m1",
      std::map<std::string, std::string>{{"node.roles", "manager"},
                                         {"keepalive.limit", limit},
                                         {"net.timeout", "60s"}});
    manager_->start();
    if (!test::connect(*manager_)->connect()
        || !eventually([this] { return use().centre_s > 0; }))
      throw std::runtime_error{"there is no information centre"};
    crowd_.connect("127.0.0.1", manager_->port());
  }

  void register_all(const char* what) {
    auto& done = crowd_.done();
    uint64_t parts = done.parts;
    uint64_t bytes = done.part_bytes;
    uint64_t failed = done.failed;
    auto before = use();
    auto begin = clock_type::now();
    crowd_.enter(window_);
    auto took = seconds_since(begin);
    come_to_rest();
    auto used = since(before);
    std::printf("%zu %s register, %zu at the same time: all have after %.2f s\n"
                "  processor time of the centre %.2f s, of the manager %.2f s\n"
                "  %.0f messages with changes, %.1f MB; %.0f requests failed\n",
                crowd_.size(), what, window_, took, used.centre_s, used.all_s,
                double(done.parts - parts),
                double(done.part_bytes - bytes) / 1e6,
                double(done.failed - failed));
    std::fflush(stdout);
  }

  pid_t pid() const {
    return manager_->node_pid().value_or(0);
  }

  usage use() const {
    return {cpu_seconds_of(pid(), centre_thread), cpu_seconds_of(pid())};
  }

  usage since(const usage& x) const {
    auto now = use();
    return {now.centre_s - x.centre_s, now.all_s - x.all_s};
  }

  /// Waits until nobody is told anything for a second.
  void come_to_rest() {
    auto& parts = crowd_.done().parts;
    for (uint64_t before = 0; before != parts;) {
      before = parts;
      std::this_thread::sleep_for(1s);
    }
  }

  void measure(const char* what, const std::function<void()>& begin) {
    told x;
    usage used;
    auto& done = crowd_.done();
    uint64_t parts = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < events_; ++i) {
      // Else it would wait for the pause after the one before.
      std::this_thread::sleep_for(500ms);
      parts -= done.parts;
      bytes -= done.part_bytes;
      auto before = use();
      begin();
      // One that comes may learn it by its query.
      x.add(crowd_.wait_told(crowd_.size() - dead_ - 1));
      used += since(before);
      parts += done.parts;
      bytes += done.part_bytes;
    }
    auto count = double(events_);
    std::printf("%s (%zu times): told after\n", what, events_);
    print("first", x.first_ms);
    print("median", x.median_ms);
    print("last", x.last_ms);
    std::printf("  %.0f messages each, of %.0f bytes; processor time of the "
                "centre %.1f ms, of the manager %.1f ms each\n",
                double(parts) / count, double(bytes) / double(parts),
                1e3 * used.centre_s / count, 1e3 * used.all_s / count);
    std::fflush(stdout);
  }

  static void print(const char* what, const std::vector<double>& xs) {
    std::printf("  %-8s min %.1f, median %.1f, max %.1f ms\n", what,
                percentile(xs, 0), median(xs), percentile(xs, 1));
  }

  temp_folder folder_;
  std::unique_ptr<real_node> manager_;
  crowd crowd_;
  size_t window_;
  size_t events_;
  size_t dead_ = 0;
};

int run(size_t nodes, size_t window, size_t events, std::chrono::seconds time) {
  bench_run x{nodes, window, events};
  x.register_new();
  x.register_known();
  x.rest(time);
  x.tell_all();
  x.ask_for_all();
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  try {
    auto xs = read_options(argc, argv,
                           {{"count", "10000"},
                            {"window", "500"},
                            {"events", "20"},
                            {"rest", "30"},
                            {"folder", "."}});
    use_disk(std::filesystem::absolute(xs["folder"]));
    auto events = std::max(1, std::stoi(xs["events"]));
    auto nodes = std::max(events + int{lists}, std::stoi(xs["count"]));
    auto window = std::max(1, std::stoi(xs["window"]));
    return run(static_cast<size_t>(nodes), static_cast<size_t>(window),
               static_cast<size_t>(events),
               std::chrono::seconds{std::max(1, std::stoi(xs["rest"]))});
  } catch (const std::exception& x) {
    std::fprintf(stderr, "node_list_scale: %s\n", x.what());
    return 1;
  }
}

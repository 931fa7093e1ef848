// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// A manager and three workers share a machine with six times as many tasks that
// compute without a pause as it has processors, half of them commands and half
// of them threads of the nodes. None of the nodes may be taken for dead.
//
//   busy_trial [SECONDS] [LIMIT]...    default 20 300ms 3s; the seconds are for
//                                      each keep-alive limit

#include "actors/replies.hpp"
#include "runtime/duration.hpp"
#include "tests/process/support/real_cluster.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

namespace fs = std::filesystem;

using clock_type = std::chrono::steady_clock;

using settings = std::map<std::string, std::string>;

constexpr size_t worker_count = 3;

/// What the processors have done since the machine began.
struct processor_time {
  double idle = 0;
  double all = 0;
};

processor_time look_at_processors() {
  std::ifstream in{"/proc/stat"};
  std::string word;
  in >> word;
  processor_time out;
  // user, nice, system, idle, iowait, irq, softirq, steal
  for (auto i = 0; i < 8; ++i) {
    double x = 0;
    in >> x;
    out.all += x;
    out.idle += i == 3 || i == 4 ? x : 0;
  }
  return out;
}

size_t count(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (auto i = text.find(part); i != std::string::npos;
       i = text.find(part, i + 1))
    ++n;
  return n;
}

// -- tasks --------------------------------------------------------------------

/// A command that computes, and ends some day whatever happens.
proto::TaskSpec busy_command(std::chrono::seconds most) {
  proto::TaskSpec x;
  x.set_kind("exec");
  for (auto word : {"timeout", "N", "sh", "-c", "while :; do :; done"})
    x.mutable_exec()->add_argv(word);
  x.mutable_exec()->set_argv(1, std::to_string(most.count()));
  return x;
}

/// A task of a built-in kind that computes for hours.
proto::TaskSpec busy_thread(const fs::path& folder, size_t number) {
  proto::TaskSpec x;
  x.set_kind("checksum");
  x.mutable_checksum()->set_folder(folder.string());
  x.mutable_checksum()->set_output(
    (folder.parent_path() / ("sums-" + std::to_string(number))).string());
  return x;
}

/// Makes a folder of 1 TiB to read, none of it from the disk.
void fill(const fs::path& folder) {
  fs::create_directory(folder);
  auto first = folder / "0";
  std::ofstream{first}.flush();
  fs::resize_file(first, uintmax_t{64} << 20);
  for (auto i = 1; i < 16'384; ++i)
    fs::create_hard_link(first, folder / std::to_string(i));
}

// -- the trial ----------------------------------------------------------------

/// A cluster on a machine that has too much to do.
class busy_cluster {
public:
  explicit busy_cluster(const std::string& limit, std::chrono::seconds time)
    : time_(time),
      manager_(folder_.path(), "m1",
               {{"node.roles", "manager"},
                {"keepalive.limit", limit},
                {"lease.duration", "1h"}}) {
    manager_.start();
    for (size_t i = 0; i < worker_count; ++i) {
      workers_.push_back(std::make_unique<real_node>(
        folder_.path(), "w" + std::to_string(i + 1), worker_settings()));
      workers_.back()->start();
    }
    client_ = connect(manager_);
  }

  /// @returns What went wrong.
  std::vector<std::string> run() {
    await([this] { return healthy() == worker_count + 1; },
          "the nodes do not become healthy");
    for (auto& x : nodes())
      before_[x.name()] = {x.incarnation(), x.changed_ms()};
    burden();
    await([this] { return leased() == worker_count * slots(); },
          "the tasks do not start");
    auto processors = look_at_processors();
    for (auto end = clock_type::now() + time_; clock_type::now() < end;) {
      look();
      std::this_thread::sleep_for(20ms);
    }
    auto now = look_at_processors();
    idle_ = (now.idle - processors.idle) / (now.all - processors.all);
    judge();
    return faults_;
  }

  void report() const {
    std::printf("  %zu looks, the slowest took %.0f ms; processors idle "
                "%.0f %%\n"
                "  longest silence %.0f ms, highest suspicion %.1f; a node was "
                "a suspect in %zu looks; %zu times a node had no answer for "
                "half the limit\n",
                looks_, slowest_ms_, 100 * idle_, longest_ms_, suspicion_,
                suspects_, searches_);
  }

private:
  static size_t slots() {
    return 2 * std::max(1U, std::thread::hardware_concurrency());
  }

  /// Its reports of attempts are signs of life too, in the list, but not those
  /// that count here.
  settings worker_settings() const {
    return {{"node.roles", "worker"},
            {"worker.managers", manager_.address()},
            {"worker.slots", std::to_string(slots())},
            {"keepalive.interval", "10m"},
            {"lease.duration", "1h"}};
  }

  template <class F>
  static void await(F condition, const char* otherwise) {
    if (!eventually(condition))
      throw std::runtime_error{otherwise};
  }

  std::vector<proto::Node> nodes() {
    proto::Request request;
    request.mutable_nodes();
    auto reply = ask(*client_, request);
    auto& xs = reply.nodes().nodes();
    return {xs.begin(), xs.end()};
  }

  size_t healthy() {
    auto xs = nodes();
    return static_cast<size_t>(std::count_if(xs.begin(), xs.end(), [](auto& x) {
      return x.state() == "healthy" && (!x.worker() || x.connected());
    }));
  }

  size_t leased() {
    size_t n = 0;
    for (auto& x : nodes())
      n += x.leased();
    return n;
  }

  /// Submits a task for each slot.
  void burden() {
    auto folder = folder_.path() / "many";
    fill(folder);
    std::vector<proto::TaskSpec> specs;
    for (size_t i = 0; i < worker_count * slots(); ++i)
      specs.push_back(i % 2 == 0 ? busy_command(time_ + 2min)
                                 : busy_thread(folder, i));
    submit(*client_, specs);
  }

  /// Takes note of the silence and the suspicion of all nodes.
  void look() {
    auto begin = clock_type::now();
    auto xs = nodes();
    std::chrono::duration<double, std::milli> took = clock_type::now() - begin;
    slowest_ms_ = std::max(slowest_ms_, took.count());
    ++looks_;
    auto now = wall_clock_ms();
    auto suspected = false;
    for (auto& x : xs) {
      // The answer has been on its way for a while.
      auto silence = static_cast<double>(now - x.heard_ms()) - took.count();
      longest_ms_ = std::max(longest_ms_, silence);
      suspicion_ = std::max(suspicion_, x.suspicion());
      suspected = suspected || x.suspected();
    }
    suspects_ += suspected ? 1 : 0;
  }

  void judge() {
    for (auto& x : nodes()) {
      auto& [incarnation, changed_ms] = before_[x.name()];
      if (x.state() != "healthy" || x.incarnation() != incarnation
          || x.changed_ms() != changed_ms)
        faults_.push_back("node " + x.name() + " was not healthy all the time");
    }
    auto log = manager_.log();
    for (auto words :
         {"declares node", "lost the connection", "fell silent at once"})
      if (auto n = count(log, words); n > 0)
        faults_.push_back("the manager said " + std::to_string(n)
                          + " times: " + words);
    // Harmless: after half the limit without an answer a node looks for another
    // one. The first time is before there was one.
    for (auto& x : workers_)
      if (auto n = count(x->log(), "has no information centre"); n > 1)
        searches_ += n - 1;
    if (leased() != worker_count * slots())
      faults_.push_back("not all tasks ran all the time");
  }

  std::chrono::seconds time_;
  temp_folder folder_;
  real_node manager_;
  std::vector<std::unique_ptr<real_node>> workers_;
  std::unique_ptr<client> client_;
  /// Incarnation and last change of each row.
  std::map<std::string, std::pair<uint64_t, int64_t>> before_;
  std::vector<std::string> faults_;
  size_t looks_ = 0;
  size_t suspects_ = 0;
  size_t searches_ = 0;
  double slowest_ms_ = 0;
  double longest_ms_ = 0;
  double suspicion_ = 0;
  double idle_ = 0;
};

/// @returns Whether nobody was taken for dead.
bool run(const std::string& limit, std::chrono::seconds time) {
  std::printf("keepalive.limit %s, %lld s\n", limit.c_str(),
              static_cast<long long>(time.count()));
  busy_cluster all{limit, time};
  auto faults = all.run();
  all.report();
  for (auto& x : faults)
    std::printf("  FAULT: %s\n", x.c_str());
  std::fflush(stdout);
  return faults.empty();
}

} // namespace

int main(int argc, char** argv) {
  try {
    std::chrono::seconds time{argc > 1 ? std::max(1, std::atoi(argv[1])) : 20};
    std::vector<std::string> limits{argv + std::min(argc, 2), argv + argc};
    if (limits.empty())
      limits = {"300ms", "3s"};
    auto good = true;
    for (auto& limit : limits)
      good = run(limit, time) && good;
    std::printf("%s\n", good ? "nobody was taken for dead" : "FAILED");
    return good ? 0 : 1;
  } catch (const std::exception& x) {
    std::printf("FAILED: %s\n", x.what());
    return 1;
  }
}

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// Clients add to a native counter through a gateway, each addition with an id
// of its own, while nodes and the service alone are regenerated, one after the
// other, and a third of the time a node is killed with SIGKILL at a random
// moment of it, sometimes together with its keeper. At the end
//
// - the counter has counted each id once, and no two additions were answered
//   with the same number;
// - each regeneration has an end, and those without a kill were successes that
//   no client noticed: no answer was an error, no connection was lost;
// - the gateway, which was never restarted, needs no more memory than early on:
//   its memory without files, median of the last quarter of all samples, is at
//   most that of the second quarter and 5 % and 4 MiB more.
//
//   regeneration_trial [--regenerations N | --seconds N] [--seed N]
//                                                  default 200 regenerations

#include "runtime/health/regeneration/regeneration_rules.hpp"
#include "tests/process/trials/counting.hpp"
#include "tests/process/trials/regeneration_place.hpp"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace coppice;
using namespace coppice::test;
using namespace coppice::trial;
using namespace std::chrono_literals;

namespace {

/// A kill comes within this time, in milliseconds: a bit longer than most
/// regenerations of nodes take.
constexpr int latest_kill_ms = 700;

/// A keeper that was killed is started again within this time.
constexpr int latest_start_ms = 1'000;

struct options {
  size_t regenerations = 200;
  std::optional<std::chrono::seconds> time;
  uint32_t seed = std::random_device{}();
};

options parse_options(const std::vector<std::string>& args) {
  options out;
  for (size_t i = 0; i < args.size(); i += 2) {
    auto number = i + 1 < args.size() ? std::atoi(args[i + 1].c_str()) : 0;
    if (number > 0 && args[i] == "--regenerations")
      out.regenerations = static_cast<size_t>(number);
    else if (number > 0 && args[i] == "--seconds")
      out.time = std::chrono::seconds{number};
    else if (i + 1 < args.size() && args[i] == "--seed")
      out.seed = static_cast<uint32_t>(std::stoul(args[i + 1]));
    else
      throw std::invalid_argument{"what is " + args[i] + "?"};
  }
  if (out.time)
    out.regenerations = std::numeric_limits<size_t>::max();
  return out;
}

/// What is to happen to somebody.
struct turn {
  /// Node or service.
  std::string target;
  /// Whom to kill, or null.
  real_node* victim = nullptr;
  std::chrono::milliseconds after{0};
  /// With its keeper, which is started again then.
  std::optional<std::chrono::milliseconds> keeper_pause;
};

/// A time in which clients may be refused.
struct disturbance {
  trial_clock::time_point from{};
  trial_clock::time_point to{};
};

int64_t wall_clock_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
           std::chrono::system_clock::now().time_since_epoch())
    .count();
}

/// Memory of a process that is its own and not a file's, in KiB.
double memory_kib(pid_t pid) {
  std::istringstream text{
    read_file("/proc/" + std::to_string(pid) + "/status")};
  for (std::string line; std::getline(text, line);)
    if (line.starts_with("RssAnon:"))
      return std::atof(line.c_str() + 8);
  throw std::runtime_error{"nobody knows the memory of the gateway"};
}

class trial_run {
public:
  explicit trial_run(const options& how) : how_(how), rng_(how.seed) {
    // nop
  }

  /// @returns Whether all is as it should be.
  bool run() {
    place_.start();
    gateway_pid_ = place_.gateway().node_pid().value();
    counting_options how;
    how.port = place_.http();
    how.pause = 5ms;
    counting_clients clients{how};
    auto end = trial_clock::now() + how_.time.value_or(24h);
    for (size_t i = 0; i < how_.regenerations && trial_clock::now() < end; ++i)
      take(next_turn());
    auto said = clients.stop();
    std::optional<uint64_t> value;
    eventually([&] {
      value = counted(place_.http());
      return value.has_value();
    });
    judge_all(said, value);
    report(said, value);
    for (auto& x : faults_)
      std::printf("  FAULT: %s\n", x.c_str());
    return faults_.empty();
  }

private:
  int below(int n) {
    return std::uniform_int_distribution{0, n - 1}(rng_);
  }

  real_node& some_node() {
    auto& all = place_.nodes();
    return *all[static_cast<size_t>(below(static_cast<int>(all.size())))];
  }

  turn next_turn() {
    turn out;
    out.target = below(2) == 0 ? place_.service() : some_node().name();
    if (below(3) != 0)
      return out;
    out.victim = &some_node();
    out.after = std::chrono::milliseconds{below(latest_kill_ms)};
    if (below(4) == 0)
      out.keeper_pause = std::chrono::milliseconds{below(latest_start_ms)};
    return out;
  }

  void take(const turn& x) {
    std::optional<disturbance> kill;
    std::thread killer;
    int64_t killed_ms = 0;
    std::optional<pid_t> killed;
    if (x.victim)
      killer = std::thread{[&] {
        std::this_thread::sleep_for(x.after);
        kill = disturbance{trial_clock::now(), {}};
        killed_ms = wall_clock_ms();
        killed = x.victim->node_pid();
        if (x.keeper_pause)
          x.victim->kill_both();
        else
          x.victim->signal_node(SIGKILL);
      }};
    auto begun = place_.begin(x.target, "a trial");
    if (killer.joinable())
      killer.join();
    if (x.keeper_pause) {
      std::this_thread::sleep_for(*x.keeper_pause);
      x.victim->start(); // Not by the other thread: it would end with that.
    }
    auto rows = place_.await_ends(last_);
    if (killed)
      place_.await_successor(*x.victim, *killed);
    place_.await_wholeness();
    if (kill) {
      // What had no answer may have begun all the same.
      rows = place_.await_ends(last_);
      kill->to = trial_clock::now();
      disturbances_.push_back(*kill);
      kills_[phase_at(rows, killed_ms)] += 1;
      with_keeper_ += x.keeper_pause ? 1 : 0;
    } else if (!begun) {
      faults_.push_back("the regeneration of " + x.target
                        + " is refused: " + to_string(begun.error()));
    }
    refused_ += begun ? 0 : 1;
    take_over(rows, x.victim != nullptr);
    if (place_.gateway().node_pid() != gateway_pid_)
      faults_.push_back("the gateway ended by itself");
    else
      memory_.push_back(memory_kib(gateway_pid_));
  }

  /// Returns in which phase somebody was killed.
  static std::string phase_at(const std::vector<proto::RegenerationRow>& rows,
                              int64_t at_ms) {
    for (auto& row : rows) {
      if (row.ended_ms() < at_ms)
        continue;
      std::string out;
      for (auto& step : row.steps())
        if (step.at_ms() <= at_ms)
          out = coppice::describe(step.phase());
      return out.empty() ? "before it" : out;
    }
    return "after it";
  }

  void take_over(const std::vector<proto::RegenerationRow>& rows, bool killed) {
    for (auto& row : rows) {
      last_ = std::max(last_, row.number());
      auto of_service = is_of_service(row);
      auto what = std::string{of_service ? "the service" : "nodes"}
                  + (killed ? " with a kill" : "");
      rows_[what].push_back(row);
      auto good = row.outcome() == proto::REGENERATED
                  || (killed && row.outcome() == proto::ROLLED_BACK);
      if (!good || !(killed || row.why().empty()))
        faults_.push_back("regeneration " + std::to_string(row.number())
                          + " of " + describe_target(row) + ": "
                          + coppice::describe(row.outcome()) + ": "
                          + row.why());
    }
  }

  bool is_excused(trial_clock::time_point from,
                  trial_clock::time_point to) const {
    return std::any_of(disturbances_.begin(), disturbances_.end(),
                       [&](auto& x) { return from < x.to && x.from < to; });
  }

  void judge_all(const testimony& said, std::optional<uint64_t> value) {
    for (auto& x : judge(said, value))
      faults_.push_back(x);
    for (auto& x : said.setbacks)
      if (!is_excused(x.begun, x.ended))
        faults_.push_back("noticed without a kill: " + x.what);
    auto early = memory_of(1);
    auto late = memory_of(3);
    if (late > early * 1.05 + 4'096)
      faults_.push_back("the memory of the gateway grows");
  }

  /// Returns the median of a quarter of all samples, in KiB.
  double memory_of(size_t quarter) const {
    auto at = [&](size_t i) {
      return memory_.begin()
             + static_cast<std::ptrdiff_t>(memory_.size() * i / 4);
    };
    return quantile({at(quarter), at(quarter + 1)}, 0.5);
  }

  void report(const testimony& said, std::optional<uint64_t> value) const {
    std::printf("  %zu ids acknowledged, the counter says %lld; %zu tries were "
                "not answered, all of them repeated\n",
                said.done.size(), value ? static_cast<long long>(*value) : -1LL,
                said.setbacks.size());
    std::vector<addition> quiet;
    std::vector<addition> disturbed;
    for (auto& x : said.done) {
      auto took = std::chrono::duration_cast<trial_clock::duration>(x.took);
      (is_excused(x.begun, x.begun + took) ? disturbed : quiet).push_back(x);
    }
    print_latency("without kills", quiet);
    print_slow(quiet, 1'000);
    print_latency("from a kill until all is well again", disturbed);
    std::printf("  kills, by the phase that they hit:");
    for (auto& [phase, n] : kills_)
      std::printf(" %s %zu,", phase.c_str(), n);
    std::printf(" %zu of them with the keeper\n", with_keeper_);
    std::map<std::string, size_t> outcomes;
    for (auto& [what, rows] : rows_)
      for (auto& row : rows)
        outcomes[coppice::describe(row.outcome())] += 1;
    std::printf("  ends:");
    for (auto& [outcome, n] : outcomes)
      std::printf(" %s %zu,", outcome.c_str(), n);
    std::printf(" asked for without an answer %zu\n", refused_);
    for (auto& [what, rows] : rows_)
      print_durations(what, rows);
    std::printf("  memory of the gateway: %.1f MiB in the second quarter, %.1f "
                "MiB in the last\n",
                memory_of(1) / 1024, memory_of(3) / 1024);
  }

  static void print_latency(const char* when, const std::vector<addition>& xs) {
    auto times = times_of(xs);
    std::printf("  until answered, %s: %zu, median %.1f ms, p99 %.0f ms, "
                "longest %.0f ms\n",
                when, xs.size(), quantile(times, 0.5), quantile(times, 0.99),
                quantile(times, 1));
  }

  options how_;
  std::minstd_rand rng_;
  regeneration_place place_{"counter"};
  pid_t gateway_pid_ = -1;

  /// The number of the last regeneration that is taken over.
  uint64_t last_ = 0;

  std::map<std::string, std::vector<proto::RegenerationRow>> rows_;
  std::map<std::string, size_t> kills_;
  size_t with_keeper_ = 0;
  size_t refused_ = 0;
  std::vector<disturbance> disturbances_;
  std::vector<double> memory_;
  std::vector<std::string> faults_;
};

} // namespace

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  ::setlinebuf(stdout);
  try {
    auto how = parse_options({argv + 1, argv + argc});
    std::printf("seed %u\n", how.seed);
    auto good = trial_run{how}.run();
    std::printf("%s\n", good ? "each id was counted once, and who was not "
                               "killed with others noticed nothing"
                             : "FAILED");
    return good ? 0 : 1;
  } catch (const std::exception& x) {
    std::printf("FAILED: %s\n", x.what());
    return 1;
  }
}

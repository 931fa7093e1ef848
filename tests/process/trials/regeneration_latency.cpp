// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// What a planned regeneration adds to the latency of a native service with
// 10 MiB of state: clients count with it through a gateway, first without
// disturbance, then while the service alone is regenerated again and again,
// then while the node that has it is. Three managers that are workers, and the
// gateway, each a process of its own. Fails if an answer is wrong or missing,
// or if the slowest answer took longer than the limit.
//
//   regeneration_latency [REGENERATIONS] [LIMIT_MS]
//                              of each kind, default 20; default 1000, 0: none

#include "tests/process/trials/counting.hpp"
#include "tests/process/trials/regeneration_place.hpp"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace coppice;
using namespace coppice::test;
using namespace coppice::trial;
using namespace std::chrono_literals;

namespace {

constexpr size_t page_bytes = size_t{512} << 10;

constexpr size_t page_count = 20;

/// Between two regenerations, so that each is measured by itself.
constexpr auto rest = 1s;

void fill(uint16_t port, const std::string& service) {
  for (size_t i = 0; i < page_count; ++i) {
    std::string page(page_bytes, static_cast<char>('a' + i));
    auto id = "Idempotency-Key: page-" + std::to_string(i) + "\r\n";
    auto taken = eventually([&] {
      return http_socket{port}
               .ask("PUT", "/s/" + service + "/page", page, id)
               .status
             == 200;
    });
    if (!taken)
      throw std::runtime_error{"a page is not taken"};
  }
}

class latency_run {
public:
  latency_run(size_t count, double limit_ms)
    : count_(count),
      limit_ms_(limit_ms) {
    // nop
  }

  bool run() {
    place_.start();
    fill(place_.http(), place_.service());
    std::printf(
      "state of the service: %.1f MiB\n",
      static_cast<double>(
        counted(place_.http(), place_.service() + "/bytes").value_or(0))
        / 1024 / 1024);
    counting_options how;
    how.port = place_.http();
    how.service = place_.service();
    how.clients = 4;
    how.pause = 5ms;
    counting_clients clients{how};
    span quiet{trial_clock::now(), {}};
    std::this_thread::sleep_for(rest * static_cast<int>(count_));
    quiet.to = trial_clock::now();
    auto of_service = regenerate([this] { return place_.service(); });
    auto of_node = regenerate([this] {
      auto* x = place_.owner();
      return x ? x->name() : throw std::runtime_error{"nobody has the service"};
    });
    auto said = clients.stop();
    auto faults = judge(said, counted(place_.http(), place_.service()));
    for (auto& x : said.setbacks)
      faults.push_back("noticed: " + x.what);
    print("without regeneration", said, {quiet});
    print("regenerations of the service", said, of_service);
    print("regenerations of its node", said, of_node);
    print_durations("of the service", rows_.at(0));
    print_durations("of its node", rows_.at(1));
    for (auto& rows : rows_)
      for (auto& row : rows)
        if (row.outcome() != proto::REGENERATED)
          faults.push_back("not regenerated: " + row.ShortDebugString());
    if (limit_ms_ > 0 && slowest_ > limit_ms_)
      faults.push_back("the slowest answer took too long");
    if (limit_ms_ > 0)
      print_slow(said.done, limit_ms_);
    for (auto& x : faults)
      std::printf("  FAULT: %s\n", x.c_str());
    return faults.empty();
  }

private:
  struct span {
    trial_clock::time_point from{};
    trial_clock::time_point to{};
  };

  std::vector<span> regenerate(const std::function<std::string()>& target) {
    std::vector<span> out;
    auto& rows = rows_.emplace_back();
    for (size_t i = 0; i < count_; ++i) {
      place_.await_wholeness();
      std::this_thread::sleep_for(rest);
      span x{trial_clock::now(), {}};
      auto begun = place_.begin(target(), "a measurement");
      if (!begun)
        throw std::runtime_error{"refused: " + to_string(begun.error())};
      auto ended = place_.await_ends(last_);
      x.to = trial_clock::now();
      for (auto& row : ended)
        last_ = std::max(last_, row.number());
      rows.insert(rows.end(), ended.begin(), ended.end());
      out.push_back(x);
    }
    return out;
  }

  void print(const char* what, const testimony& said,
             const std::vector<span>& spans) {
    std::vector<double> times;
    std::vector<double> slowest;
    for (auto& x : spans) {
      slowest.push_back(0);
      for (auto& y : said.done) {
        auto took = 1'000 * y.took.count();
        auto ended
          = y.begun + std::chrono::duration_cast<trial_clock::duration>(y.took);
        if (y.begun >= x.to || ended <= x.from)
          continue;
        times.push_back(took);
        slowest.back() = std::max(slowest.back(), took);
      }
    }
    slowest_ = std::max(slowest_, quantile(slowest, 1));
    std::printf("  %s: %zu answers, p50 %.1f ms, p99 %.0f ms, longest %.0f ms",
                what, times.size(), quantile(times, 0.5), quantile(times, 0.99),
                quantile(times, 1));
    if (spans.size() > 1)
      std::printf("; %zu times, of each the longest: median %.0f ms, p90 "
                  "%.0f ms",
                  spans.size(), quantile(slowest, 0.5), quantile(slowest, 0.9));
    std::printf("\n");
  }

  size_t count_;
  double limit_ms_;
  double slowest_ = 0;
  regeneration_place place_{"ledger", LEDGER_NODE_BINARY};
  uint64_t last_ = 0;
  std::vector<std::vector<proto::RegenerationRow>> rows_;
};

} // namespace

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  ::setlinebuf(stdout);
  try {
    auto count = argc > 1 ? std::max(1, std::atoi(argv[1])) : 20;
    auto limit = argc > 2 ? std::atof(argv[2]) : 1'000.0;
    auto good = latency_run{static_cast<size_t>(count), limit}.run();
    std::printf("%s\n",
                good ? "no client noticed more than the wait" : "FAILED");
    return good ? 0 : 1;
  } catch (const std::exception& x) {
    std::printf("FAILED: %s\n", x.what());
    return 1;
  }
}

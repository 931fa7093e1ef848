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
#include "tests/support/http_socket.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

using clock_type = std::chrono::steady_clock;

constexpr auto kill_pause = 2s;

constexpr size_t client_count = 8;

/// What came of one addition.
struct addition {
  uint64_t answer = 0;
  std::chrono::duration<double> took{0};
  uint32_t tries = 0;
};

/// A client that counts without a pause.
class counting_client {
public:
  counting_client(uint16_t port, size_t number) : port_(port), number_(number) {
    // nop
  }

  /// Adds 1 until *over*.
  void run(const std::atomic<bool>& over) {
    while (!over)
      if (auto x
          = add(std::to_string(number_) + "-" + std::to_string(done.size())))
        done.push_back(*x);
      else
        return;
  }

  std::vector<addition> done;

  /// Answers that were neither a success nor a reason to ask again.
  std::vector<std::string> faults;

private:
  /// Asks until there is an answer; nothing if it cannot be had for a minute.
  std::optional<addition> add(const std::string& id) {
    addition x;
    auto begin = clock_type::now();
    while (clock_type::now() - begin < patience) {
      ++x.tries;
      if (!socket_ || !socket_->connected())
        socket_ = std::make_unique<http_socket>(port_);
      auto answer
        = socket_->ask("POST", "/s/counter/add?by=1", {},
                       "Content-Length: 0\r\nIdempotency-Key: " + id + "\r\n");
      if (answer.status == 200) {
        x.answer = std::strtoull(answer.body.c_str(), nullptr, 10);
        x.took = clock_type::now() - begin;
        return x;
      }
      if (answer.status != 0 && answer.status < 500) {
        faults.push_back(id + ": status " + std::to_string(answer.status) + ": "
                         + answer.body);
        return std::nullopt;
      }
      socket_.reset();
      std::this_thread::sleep_for(20ms);
    }
    faults.push_back(id + ": no answer for a minute");
    return std::nullopt;
  }

  uint16_t port_;
  size_t number_;
  std::unique_ptr<http_socket> socket_;
};

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
    if (!eventually([this] { return value().has_value(); }))
      throw std::runtime_error{"the counter does not answer"};
  }

  /// Returns what the counter stands at, if it answers.
  std::optional<uint64_t> value() const {
    auto x = http_socket{http_}.ask("GET", "/s/counter/");
    if (x.status != 200)
      return std::nullopt;
    return std::strtoull(x.body.c_str(), nullptr, 10);
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

/// Holds what the clients were told against what the counter says.
std::vector<std::string> judge(const std::vector<addition>& all,
                               std::optional<uint64_t> value) {
  std::vector<std::string> faults;
  if (!value)
    faults.push_back("the counter does not answer at the end");
  else if (*value != all.size())
    faults.push_back(std::to_string(all.size()) + " ids, the counter says "
                     + std::to_string(*value));
  std::vector<uint64_t> answers;
  for (auto& x : all)
    answers.push_back(x.answer);
  std::sort(answers.begin(), answers.end());
  for (size_t i = 0; i < answers.size(); ++i)
    if (answers[i] != i + 1) {
      faults.push_back("the answers are not 1, 2, 3 and so on: number "
                       + std::to_string(i + 1) + " is "
                       + std::to_string(answers[i]));
      break;
    }
  return faults;
}

void report(std::vector<addition> all, size_t kills) {
  if (all.empty())
    return;
  std::sort(all.begin(), all.end(),
            [](auto& x, auto& y) { return x.took < y.took; });
  auto at = [&](double share) {
    auto i = static_cast<size_t>(share * static_cast<double>(all.size() - 1));
    return 1'000 * all[i].took.count();
  };
  auto repeated = std::count_if(all.begin(), all.end(),
                                [](auto& x) { return x.tries > 1; });
  std::printf(
    "  %zu kills, %zu additions, %td of them asked more than once\n"
    "  until answered: median %.1f ms, p99 %.0f ms, longest %.0f ms\n",
    kills, all.size(), repeated, at(0.5), at(0.99), at(1));
}

/// @returns Whether everything was counted once.
bool run(std::chrono::seconds time, const std::vector<std::string>& victims) {
  service_cluster cluster;
  cluster.apply_counter();
  std::atomic<bool> over = false;
  std::vector<std::unique_ptr<counting_client>> clients;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < client_count; ++i) {
    clients.push_back(std::make_unique<counting_client>(cluster.http(), i));
    threads.emplace_back([x = clients.back().get(), &over] { x->run(over); });
  }
  size_t kills = 0;
  auto end = clock_type::now() + time;
  for (size_t turn = 0; clock_type::now() < end; ++turn) {
    std::this_thread::sleep_for(kill_pause);
    kills += cluster.kill(victims[turn % victims.size()]) ? 1 : 0;
  }
  over = true;
  for (auto& x : threads)
    x.join();
  std::vector<addition> all;
  std::vector<std::string> faults;
  for (auto& x : clients) {
    all.insert(all.end(), x->done.begin(), x->done.end());
    faults.insert(faults.end(), x->faults.begin(), x->faults.end());
  }
  std::optional<uint64_t> value;
  eventually([&] {
    value = cluster.value();
    return value.has_value();
  });
  for (auto& x : judge(all, value))
    faults.push_back(x);
  if (kills == 0)
    faults.push_back("nothing was killed");
  report(std::move(all), kills);
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

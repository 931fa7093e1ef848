// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// How soon the end of a node is known: a manager and four workers, and one of
// the workers is killed, frozen or cut off again and again. Measured from the
// signal, or from the cut, until the list of the manager says that the node is
// down, and until another worker says so from its own copy of the list.
//
// A frozen node, and one that is cut off, are to be down when they were silent
// for the limit, so these are told as parts of it too: from the fault, and from
// the last sign of life that the manager had. A cut needs network namespaces.
//
//   detection [ROUNDS] [--limits 3s,300ms] [--folder DIR]

#include "actors/replies.hpp"
#include "bench/support/options.hpp"
#include "bench/support/workload.hpp"
#include "runtime/duration.hpp"
#include "tests/process/support/network.hpp"
#include "tests/process/support/real_node.hpp"

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace coppice;
using namespace coppice::bench;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

/// Between two looks at a list.
constexpr auto pause_of_looks = 1ms;

using settings = std::map<std::string, std::string>;

double ms(clock_type::duration x) {
  return std::chrono::duration<double, std::milli>(x).count();
}

/// Returns what the node behind *c* says of the node *name*.
proto::Node look(client& c, const std::string& name) {
  proto::Request request;
  request.mutable_nodes();
  auto reply = ask(c, request);
  for (auto& x : reply.nodes().nodes())
    if (x.name() == name)
      return x;
  return {};
}

// -- watching -----------------------------------------------------------------

/// Looks at the list of one node until somebody is down there, from a thread of
/// its own.
class watch {
public:
  watch(client& c, const std::string& name)
    : thread_([this, &c, name] { run(c, name); }) {
    while (!looked_)
      std::this_thread::sleep_for(100us);
  }

  ~watch() {
    if (thread_.joinable())
      thread_.join();
  }

  watch(const watch&) = delete;

  watch& operator=(const watch&) = delete;

  /// Waits for the end.
  /// @returns When the answer came that said it.
  clock_type::time_point wait() {
    thread_.join();
    if (!failure_.empty())
      throw std::runtime_error{failure_};
    return down_at_;
  }

  /// Its last sign of life as the list had it, Unix time; 0 if unknown.
  int64_t heard_ms() const {
    return heard_ms_;
  }

  /// Unix time at `wait`.
  int64_t down_ms() const {
    return down_ms_;
  }

  /// How long each look took.
  const std::vector<double>& looks_ms() const {
    return looks_ms_;
  }

private:
  void run(client& c, const std::string& name) try {
    for (auto give_up = clock_type::now() + patience;;) {
      auto begin = clock_type::now();
      auto x = look(c, name);
      down_at_ = clock_type::now();
      looks_ms_.push_back(ms(down_at_ - begin));
      looked_ = true;
      if (x.state() == "down")
        break;
      if (down_at_ > give_up)
        throw std::runtime_error{name + " does not go down"};
      heard_ms_ = std::max(heard_ms_, x.heard_ms());
      std::this_thread::sleep_for(pause_of_looks);
    }
    down_ms_ = wall_clock_ms();
  } catch (const std::exception& x) {
    failure_ = x.what();
    looked_ = true;
  }

  std::atomic<bool> looked_ = false;
  clock_type::time_point down_at_;
  int64_t heard_ms_ = 0;
  int64_t down_ms_ = 0;
  std::vector<double> looks_ms_;
  std::string failure_;
  std::thread thread_;
};

// -- the cluster --------------------------------------------------------------

/// What came of one kind of fault.
struct figures {
  std::vector<double> manager_ms;
  std::vector<double> peer_ms;
  /// From the last sign of life to the manager's verdict.
  std::vector<double> silence_ms;
  std::vector<double> looks_ms;
};

/// A manager, the worker that suffers, the one that is asked, and two more: of
/// three nodes in all, one would be a large share.
class nodes {
public:
  /// @param net Where each of them is a host; null: all are on loopback.
  nodes(const std::string& limit, network* net)
    : net_(net),
      limit_(parse_duration(limit).value()),
      manager_(folder_.path(), "m1", manager_settings(limit), COPPICE_BINARY,
               place()) {
    manager_.start();
    for (auto name : {"w1", "w2", "w3", "w4"}) {
      workers_.push_back(std::make_unique<real_node>(
        folder_.path(), name, worker_settings(), COPPICE_BINARY, place()));
      workers_.back()->start();
    }
    at_manager_ = connect(manager_);
    at_peer_ = connect(*workers_[1]);
  }

  /// Lets *fault* happen once, and *repair* end it.
  void measure(const std::function<clock_type::time_point()>& fault,
               const std::function<void()>& repair, figures& out) {
    if (!eventually([&] { return is_whole(); }))
      throw std::runtime_error{"the nodes do not become healthy"};
    // Signs of life are regular: the fault must not be. There was one since the
    // node became healthy.
    auto interval = limit_.count() / 5;
    std::uniform_int_distribution<int64_t> any{interval, 2 * interval};
    std::this_thread::sleep_for(std::chrono::milliseconds{any(random_)});
    watch manager{*at_manager_, victim().name()};
    watch peer{*at_peer_, victim().name()};
    auto begin = fault();
    out.manager_ms.push_back(ms(manager.wait() - begin));
    out.peer_ms.push_back(ms(peer.wait() - begin));
    out.silence_ms.push_back(
      static_cast<double>(manager.down_ms() - manager.heard_ms()));
    for (auto* x : {&manager, &peer})
      out.looks_ms.insert(out.looks_ms.end(), x->looks_ms().begin(),
                          x->looks_ms().end());
    repair();
  }

  /// Kills the victim's node process; its keeper waits.
  void kill(figures& out) {
    measure([&] { return send(SIGKILL); },
            [&] {
              victim().kill_both();
              victim().start();
            },
            out);
  }

  void freeze(figures& out) {
    measure([&] { return send(SIGSTOP); }, [&] { send(SIGCONT); }, out);
  }

  /// @pre There is a network.
  void cut(figures& out) {
    measure(
      [&] {
        net_->cut_one_way(victim().host(), manager_.host());
        // From now on nothing arrives.
        auto begin = clock_type::now();
        net_->isolate(victim().host());
        return begin;
      },
      [&] { net_->heal(); }, out);
  }

  double limit_ms() const {
    return static_cast<double>(limit_.count());
  }

private:
  node_place place() {
    return net_ ? net_->add() : node_place{};
  }

  static settings manager_settings(const std::string& limit) {
    return {{"node.roles", "manager"},
            {"keepalive.limit", limit},
            {"lease.duration", "1h"}};
  }

  /// Its reports of attempts are signs of life too, in the list, but not those
  /// that count here.
  settings worker_settings() const {
    return {
      {"node.roles", "worker"},      {"worker.managers", manager_.address()},
      {"keepalive.interval", "10m"}, {"lease.duration", "1h"},
      {"keeper.backoff_min", "1m"},  {"keeper.backoff_max", "1m"}};
  }

  real_node& victim() {
    return *workers_.front();
  }

  clock_type::time_point send(int signal) {
    auto pid = victim().node_pid();
    if (!pid)
      throw std::runtime_error{"there is no process"};
    auto now = clock_type::now();
    ::kill(*pid, signal);
    return now;
  }

  bool is_whole() {
    for (auto* c : {at_manager_.get(), at_peer_.get()})
      for (auto& worker : workers_) {
        auto x = look(*c, worker->name());
        if (x.state() != "healthy" || x.suspected())
          return false;
      }
    return true;
  }

  network* net_;
  std::chrono::milliseconds limit_;
  std::minstd_rand random_{4711};
  temp_folder folder_;
  real_node manager_;
  std::vector<std::unique_ptr<real_node>> workers_;
  std::unique_ptr<client> at_manager_;
  std::unique_ptr<client> at_peer_;
};

// -- report -------------------------------------------------------------------

void print(const std::string& what, const std::vector<double>& xs,
           const char* unit) {
  std::printf("  %-38s min %.2f, median %.2f, p90 %.2f, max %.2f %s\n",
              what.c_str(), percentile(xs, 0), median(xs), percentile(xs, 0.9),
              percentile(xs, 1), unit);
}

std::vector<double> parts_of(double whole, std::vector<double> xs) {
  for (auto& x : xs)
    x /= whole;
  return xs;
}

void print_end(const std::string& what, const figures& x) {
  print(what + " -> manager's list", x.manager_ms, "ms");
  print(what + " -> list of a peer", x.peer_ms, "ms");
}

void print_silence(const std::string& what, const figures& x, double limit_ms) {
  print_end(what, x);
  print("  manager's list, from the fault", parts_of(limit_ms, x.manager_ms),
        "of the limit");
  print("  from the last sign of life", parts_of(limit_ms, x.silence_ms),
        "of the limit");
}

void run_limit(const std::string& limit, int rounds, bool with_network) {
  auto net = with_network ? std::make_unique<network>() : nullptr;
  nodes all{limit, net.get()};
  figures killed;
  figures frozen;
  figures cut;
  for (auto i = 0; i < rounds; ++i) {
    all.kill(killed);
    all.freeze(frozen);
    if (net)
      all.cut(cut);
  }
  std::printf("keepalive.limit %s, %d rounds\n", limit.c_str(), rounds);
  print_end("killed", killed);
  print_silence("frozen", frozen, all.limit_ms());
  if (net)
    print_silence("cut off", cut, all.limit_ms());
  auto looks = killed.looks_ms;
  for (auto* x : {&frozen, &cut})
    looks.insert(looks.end(), x->looks_ms.begin(), x->looks_ms.end());
  print("a look at a list", looks, "ms");
  std::fflush(stdout);
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in{text};
  for (std::string word; std::getline(in, word, ',');)
    out.push_back(word);
  return out;
}

int run(int rounds, const std::vector<std::string>& limits) {
  auto why = allow_networks();
  if (!why.empty())
    std::printf("nobody is cut off here: %s\n", why.c_str());
  std::printf("each list is looked at every %lld ms and the time that a look "
              "takes; all figures are at most that much too large\n",
              static_cast<long long>(pause_of_looks.count()));
  for (auto& limit : limits)
    run_limit(limit, rounds, why.empty());
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  try {
    auto xs = read_options(
      argc, argv, {{"count", "30"}, {"limits", "3s,300ms"}, {"folder", "."}});
    use_disk(std::filesystem::absolute(xs["folder"]));
    return run(std::max(1, std::stoi(xs["count"])), split(xs["limits"]));
  } catch (const std::exception& x) {
    std::fprintf(stderr, "detection: %s\n", x.what());
    return 1;
  }
}

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// Submits, cancels and retries tasks, and binds their products to one shard after
// the other, all the time while managers and a worker
// process are killed and frozen again and again, a third of the time the
// manager that leads, and managers lose their data. The judge is the client's
// own log of acknowledgements and the tasks' own journal of starts and ends,
// not Coppice's word for it.

#include "tests/process/support/real_cluster.hpp"

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <thread>

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

using clock_type = std::chrono::steady_clock;

struct trial_options {
  int managers = 1;
  int shards = 1;
  int tasks = 1'200;
  int kills = 6;
  int freezes = 1;
  /// Times that a manager loses its data; with several managers.
  int losses = 0;
  /// Between the end of one fault and the next one.
  std::chrono::milliseconds pause{1'500};
  uint32_t seed = std::random_device{}();
};

/// A kill counts as one under load with this many leases.
constexpr uint32_t under_load = 20;

/// What has to become of a task.
enum class fate {
  succeeds,
  cancelled,
  /// An answer was lost.
  either,
};

std::vector<std::string> manager_names(int n) {
  std::vector<std::string> result;
  for (auto i = 0; i < n; ++i)
    result.emplace_back(1, static_cast<char>('a' + i));
  return result;
}

/// What the tasks did in the world.
struct journal {
  /// Attempts of a task that began, and that reached their end.
  std::map<std::string, std::set<uint32_t>> begun;
  std::map<std::string, std::set<uint32_t>> ended;
};

journal read_journal(const std::filesystem::path& file) {
  journal result;
  std::istringstream in{read_file(file)};
  std::string what;
  std::string id;
  uint32_t attempt = 0;
  while (in >> what >> id >> attempt)
    (what == "start" ? result.begun : result.ended)[id].insert(attempt);
  return result;
}

class trial {
public:
  explicit trial(trial_options options)
    : options_(options),
      rng_(options.seed),
      cluster_({{"node.roles", "manager"},
                {"cluster.shards", std::to_string(options.shards)},
                {"lease.duration", "2s"},
                {"raft.trailing_entries", "500"},
                {"keepalive.interval", "300ms"}},
               manager_names(options.managers)),
      worker_(folder_.path(), "worker",
              {{"node.roles", "worker"},
               {"worker.slots", "64"},
               {"worker.managers", cluster_.addresses()},
               {"lease.duration", "2s"},
               {"keepalive.interval", "300ms"}}) {}

  /// @returns Whether everything is as it has to be.
  bool run() {
    std::printf("seed %u: %d managers, %d shards, %d tasks, %d kills, %d "
                "freezes, %d losses of data\n",
                options_.seed, options_.managers, options_.shards,
                options_.tasks, options_.kills, options_.freezes,
                options_.losses);
    begun_ = clock_type::now();
    cluster_.start();
    worker_.start();
    std::thread submitter{[this] { submit_all(); }};
    inject_faults();
    faults_over_ = true;
    submitter.join();
    return judge();
  }

private:
  // -- load -------------------------------------------------------------------

  proto::TaskSpec make_spec(std::minstd_rand& rng) const {
    proto::TaskSpec x;
    x.set_kind("sleep");
    x.set_product("p" + std::to_string(rng() % 4));
    x.mutable_retry()->set_attempts(1'000);
    x.mutable_retry()->mutable_backoff()->set_nanos(10'000'000);
    x.mutable_retry()->mutable_max_backoff()->set_nanos(200'000'000);
    auto ms = 10 + static_cast<int>(rng() % 491);
    x.mutable_sleep()->mutable_duration()->set_nanos(ms * 1'000'000);
    x.mutable_sleep()->set_journal((folder_.path() / "journal").string());
    return x;
  }

  /// Submits throughout: never so much at once that the queue runs long, never
  /// so little that it runs dry.
  void submit_all() {
    auto c = cluster_.connect_to_all();
    std::minstd_rand rng{options_.seed + 1};
    while (static_cast<int>(acknowledged_.size()) < options_.tasks) {
      std::vector<proto::TaskSpec> batch;
      for (auto n = 1 + rng() % 20; n > 0; --n)
        batch.push_back(make_spec(rng));
      for (auto& id : submit(*c, batch))
        if (!acknowledged_.emplace(id, fate::succeeds).second)
          twice_.insert(id);
        else if (rng() % 20 == 0)
          disturb(*c, id, rng() % 2 == 0);
      if (options_.shards > 1 && rng() % 8 == 0)
        bind(*c, "p" + std::to_string(rng() % 4), rng() % options_.shards);
      // Paced by the faults, so that each of them meets live tasks.
      auto share = static_cast<double>(acknowledged_.size()) / options_.tasks;
      while (!faults_over_ && share > progress_ + 0.08)
        std::this_thread::sleep_for(5ms);
    }
  }

  /// Has new tasks of a product go to another shard, while tasks of it come.
  void bind(client& c, const std::string& product, uint32_t shard) {
    proto::Request request;
    request.mutable_bind()->set_product(product);
    request.mutable_bind()->set_shard(shard);
    if (!ask(c, request).has_error())
      ++binds_;
  }

  /// Cancels a task, and maybe tries it again.
  void disturb(client& c, const std::string& id, bool again) {
    auto& result = acknowledged_[id];
    proto::Request cancel;
    cancel.mutable_cancel()->add_ids(id);
    auto state = ask(c, cancel).cancel().items(0).state();
    result = state == proto::CANCELLED ? fate::cancelled : fate::either;
    if (!again || result != fate::cancelled)
      return;
    proto::Request retry;
    retry.mutable_retry()->add_ids(id);
    auto said = c.ask(std::move(retry));
    auto known = said && !said.value().has_error();
    if (known && !said.value().retry().items(0).has_error())
      result = fate::succeeds;
    else
      result = fate::either;
  }

  // -- faults -----------------------------------------------------------------

  uint32_t leases(client& c) {
    proto::Request request;
    request.mutable_nodes();
    uint32_t n = 0;
    auto reply = ask(c, request);
    for (auto& node : reply.nodes().nodes())
      if (node.connected())
        n += node.leased();
    return n;
  }

  void inject_faults() {
    auto c = cluster_.connect_to_all();
    auto all = options_.kills + options_.freezes + options_.losses;
    for (auto i = 0; i < all; ++i) {
      progress_ = static_cast<double>(i) / all;
      auto loaded = eventually([&] { return leases(*c) >= under_load; }, 10s);
      std::this_thread::sleep_for(std::chrono::milliseconds{rng_() % 300});
      // Losses and freezes are spread among the kills.
      auto half = all / std::max(1, 2 * options_.losses);
      if (is_due(i + half, options_.losses, all)) {
        lose_data(*c);
        continue;
      }
      if (is_due(i, options_.freezes, all)) {
        freeze();
        continue;
      }
      ++kills_;
      kills_under_load_ += loaded ? 1 : 0;
      kill_one();
      std::this_thread::sleep_for(options_.pause);
    }
    progress_ = 1;
  }

  /// Returns whether fault *i* of *all* is one of *n* that are spread evenly.
  static bool is_due(int i, int n, int all) {
    return (i + 1) * n / all > i * n / all;
  }

  void kill_one() {
    auto& victim = pick();
    if (rng_() % 5 == 0) {
      victim.kill_both();
      victim.start();
    } else {
      victim.signal_node(SIGKILL);
    }
  }

  /// A third each: the manager that leads, any manager, the worker.
  real_node& pick() {
    switch (rng_() % 3) {
      case 0:
        return cluster_.leader(some_group());
      case 1:
        return *cluster_.nodes[rng_() % cluster_.nodes.size()];
      default:
        return worker_;
    }
  }

  std::string some_group() {
    auto n = rng_() % static_cast<uint32_t>(options_.shards + 1);
    return n == 0 ? "cluster" : "shard-" + std::to_string(n - 1);
  }

  /// Returns whether all managers vote, are there, and have everything, in all
  /// groups.
  bool is_whole(client& c) {
    proto::Request request;
    request.mutable_shards();
    auto groups = ask(c, request);
    auto& xs = groups.shards().shards();
    return xs.size() == options_.shards + 1
           && std::all_of(xs.begin(), xs.end(), [&](auto& x) {
                return is_whole(c, x.group());
              });
  }

  bool is_whole(client& c, const std::string& group) {
    proto::Request request;
    request.mutable_managers()->set_of_group(group);
    auto reply = ask(c, request);
    auto& xs = reply.managers().managers();
    return xs.size() == options_.managers
           && std::all_of(xs.begin(), xs.end(), [](auto& x) {
                return x.connected() && x.role() != proto::Manager::LEARNER;
              });
  }

  /// Only a majority has all that was acknowledged: the others must be back.
  void lose_data(client& c) {
    expect(eventually([&] { return is_whole(c); }),
           "the managers did not become whole again");
    auto& victim = *cluster_.nodes[rng_() % cluster_.nodes.size()];
    victim.kill_both();
    std::filesystem::remove_all(victim.data());
    victim.start();
    expect(eventually([&] { return is_whole(c); }),
           "manager " + victim.name() + " was not taken in again");
    ++losses_;
  }

  /// Longer than a lease: what it ran is given to nobody else but itself, and
  /// its late results must be refused. With several managers every other one is
  /// the leader, who is deposed and does not know it.
  void freeze() {
    auto leads = options_.managers > 1 && ++freezes_ % 2 == 0;
    auto pid = (leads ? cluster_.leader(some_group()) : worker_)
                 .signal_node(SIGSTOP);
    std::this_thread::sleep_for(4s);
    if (pid)
      ::kill(*pid, SIGCONT);
    std::this_thread::sleep_for(options_.pause);
  }

  // -- judgement --------------------------------------------------------------

  bool judge() {
    auto c = cluster_.connect_to_all();
    auto world = folder_.path() / "journal";
    auto retried = 0;
    for (auto& [id, expected] : acknowledged_) {
      auto task = await_end(*c, id);
      if (expected != fate::either)
        expect((task.state() == proto::SUCCEEDED)
                 == (expected == fate::succeeds),
               id + " is " + proto::TaskState_Name(task.state()));
      if (task.state() == proto::CANCELLED) {
        ++cancelled_;
        continue;
      }
      expect(task.state() == proto::SUCCEEDED, id + " did not succeed");
      retried += task.attempt() > 1 ? 1 : 0;
      auto believed = 0;
      for (auto& attempt : task.attempts())
        if (attempt.outcome() == proto::SUCCEEDED) {
          ++believed;
          expect(attempt.number() == task.attempt(),
                 id + ": an attempt that is not the last was believed");
        }
      expect(believed == 1,
             id + " ended " + std::to_string(believed) + " times in the table");
      last_[id] = task.attempt();
    }
    auto seen = read_journal(world);
    for (auto& [id, attempt] : last_) {
      expect(!seen.ended[id].empty(), id + " never ended in the world");
      expect(seen.ended[id].count(attempt) == 1,
             id + ": the attempt that was believed did not end");
    }
    expect(twice_.empty(), "an id was given to two tasks");
    expect(static_cast<int>(acknowledged_.size()) >= options_.tasks,
           "not all tasks were submitted");
    auto fenced = fenced_results(*c);
    expect(retried > 0, "no task was tried twice: the faults hit nothing");
    if (options_.freezes > 0)
      expect(fenced > 0, "no late result was refused: the freeze hit nothing");
    expect(kills_under_load_ * 30 >= kills_ * 25,
           "too few kills hit a busy cluster");
    report(retried, fenced);
    return faults_.empty();
  }

  uint64_t fenced_results(client& c) {
    proto::Request request;
    request.mutable_nodes();
    uint64_t n = 0;
    auto reply = ask(c, request);
    for (auto& node : reply.nodes().nodes())
      n += node.fenced();
    return n;
  }

  void expect(bool holds, const std::string& otherwise) {
    if (!holds)
      faults_.push_back(otherwise);
  }

  void report(int retried, uint64_t fenced) {
    auto seconds
      = std::chrono::duration<double>(clock_type::now() - begun_).count();
    std::printf(
      "%zu tasks acknowledged, %d cancelled, %d tried more than once, "
      "%llu late results refused; %d kills, %d of them with %u or "
      "more leases live; %d losses of data; %d times a product bound; %.1f s\n",
      acknowledged_.size(), cancelled_, retried,
      static_cast<unsigned long long>(fenced), kills_, kills_under_load_,
      under_load, losses_, binds_.load(), seconds);
    for (auto& fault : faults_)
      std::printf("FAULT: %s\n", fault.c_str());
    std::printf("%s\n", faults_.empty() ? "nothing lost, nothing believed twice"
                                        : "FAILED");
    if (!faults_.empty() && std::getenv("COPPICE_KEEP"))
      std::printf("see %s\n", folder_.path().c_str());
  }

  trial_options options_;
  std::minstd_rand rng_;
  temp_folder folder_;
  real_cluster cluster_;
  real_node worker_;
  clock_type::time_point begun_;

  /// Written by the submitter, read by others after it ended.
  std::map<std::string, fate> acknowledged_;
  std::set<std::string> twice_;

  std::atomic<double> progress_ = 0;
  std::atomic<bool> faults_over_ = false;
  int kills_ = 0;
  int kills_under_load_ = 0;
  int freezes_ = 0;
  int losses_ = 0;
  std::atomic<int> binds_ = 0;
  int cancelled_ = 0;
  std::map<std::string, uint32_t> last_;
  std::vector<std::string> faults_;
};

int number(const char* text) {
  return std::atoi(text);
}

} // namespace

int main(int argc, char** argv) {
  trial_options options;
  for (auto i = 1; i + 1 < argc; i += 2) {
    std::string key = argv[i];
    if (key == "--managers")
      options.managers = std::clamp(number(argv[i + 1]), 1, 5);
    else if (key == "--shards")
      options.shards = std::clamp(number(argv[i + 1]), 1, 16);
    else if (key == "--losses")
      options.losses = number(argv[i + 1]);
    else if (key == "--tasks")
      options.tasks = number(argv[i + 1]);
    else if (key == "--kills")
      options.kills = number(argv[i + 1]);
    else if (key == "--freezes")
      options.freezes = number(argv[i + 1]);
    else if (key == "--seed")
      options.seed = static_cast<uint32_t>(number(argv[i + 1]));
  }
  try {
    return trial{options}.run() ? 0 : 1;
  } catch (const std::exception& x) {
    std::printf("FAILED: %s\n", x.what());
    return 1;
  }
}

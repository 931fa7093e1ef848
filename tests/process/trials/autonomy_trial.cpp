// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// All managers are away for a while. Workers finish what they run and keep the
// results, know each other from their own copy of the list and say how old that
// is, and one of them dies and comes back. When the managers return nothing is
// lost, and what the others finished is not run again. The judge is the tasks'
// own journal of starts and ends.

#include "runtime/duration.hpp"
#include "tests/process/support/real_cluster.hpp"
#include "tests/process/trials/judgement.hpp"
#include "tests/process/trials/world.hpp"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <stdexcept>
#include <thread>

using namespace coppice;
using namespace coppice::trial;
using namespace std::chrono_literals;

namespace {

using clock_type = std::chrono::steady_clock;

constexpr auto workers = 3;

/// Attempts that a worker runs when the managers go away: all its slots.
constexpr auto tasks_of_worker = 64 / workers;

/// Tasks that nobody has a slot for.
constexpr auto waiting_tasks = 6;

struct options {
  int managers = 3;
  std::chrono::seconds away{20};
};

options parse_options(const std::vector<std::string>& args) {
  options result;
  for (size_t i = 0; i + 1 < args.size(); i += 2) {
    auto number = std::stoi(args[i + 1]);
    if (args[i] == "--managers")
      result.managers = std::clamp(number, 1, 5);
    else if (args[i] == "--away")
      result.away = std::chrono::seconds{std::max(number, 10)};
    else
      throw std::invalid_argument{"what is " + args[i] + "?"};
  }
  if (args.size() % 2 != 0)
    throw std::invalid_argument{"what is " + args.back() + "?"};
  return result;
}

trial_options as_trial(const options& x) {
  trial_options result;
  result.managers = x.managers;
  result.workers = workers;
  // The managers have to begin before it ends, however slow the machine.
  result.lease = 8s;
  return result;
}

class autonomy {
public:
  explicit autonomy(const options& x) : options_(x), world_(as_trial(x)) {}

  /// @returns What is not as it has to be.
  std::vector<std::string> run() {
    begin();
    for (auto& x : world_.cluster.nodes)
      x->kill_both();
    be_away();
    for (auto& x : world_.cluster.nodes)
      x->start();
    judge();
    for (auto& x : world_.crashes())
      faults_.push_back(x);
    return std::move(faults_);
  }

private:
  void begin();
  void submit_tasks();
  void be_away();
  void look_at(const test::real_node& worker);
  void kill_one();
  void judge();
  void judge_task(const std::string& id, const journal& seen);
  void judge_list();

  proto::TaskSpec sleep_task(std::chrono::milliseconds time) const;

  void expect(bool holds, const std::string& otherwise) {
    if (!holds)
      faults_.push_back(otherwise);
  }

  std::chrono::milliseconds longest_task() const {
    return 3s + std::chrono::milliseconds{options_.away} * 5 / 4;
  }

  test::real_node& victim() {
    return *world_.workers.back();
  }

  options options_;
  world world_;
  std::unique_ptr<client> client_;
  /// The node that a task ran on when the managers went away; empty: none.
  std::map<std::string, std::string> ran_on_;
  /// What was finished at the end of that time.
  journal finished_;
  /// What each worker said last of the age of its view.
  std::map<std::string, std::chrono::milliseconds> ages_;
  size_t questions_ = 0;
  std::vector<std::string> faults_;
};

proto::TaskSpec autonomy::sleep_task(std::chrono::milliseconds time) const {
  proto::TaskSpec x;
  x.set_kind("sleep");
  *x.mutable_sleep()->mutable_duration() = to_proto(time);
  x.mutable_sleep()->set_journal(world_.journal_file().string());
  return x;
}

void autonomy::begin() {
  world_.start();
  client_ = world_.connect();
  if (!test::eventually([&] { return world_.is_whole(*client_); }))
    throw std::runtime_error{"the cluster does not begin"};
  submit_tasks();
}

/// Some end soon after the managers have gone, most of the others meanwhile,
/// and some after they are back.
void autonomy::submit_tasks() {
  std::vector<proto::TaskSpec> specs;
  auto n = workers * tasks_of_worker;
  for (auto i = 1; i <= n; ++i)
    specs.push_back(sleep_task(longest_task() * i / n));
  auto ids = test::submit(*client_, specs);
  auto runs = [&](const std::string& id) {
    auto task = test::get_task(*client_, id);
    ran_on_[id] = task.node();
    // The first ones are short.
    return task.state() == proto::RUNNING || task.state() == proto::SUCCEEDED;
  };
  for (auto& id : ids)
    if (!test::eventually([&] { return runs(id); }))
      throw std::runtime_error{"task " + id + " does not begin"};
  specs.assign(waiting_tasks, sleep_task(0s));
  for (auto& id : test::submit(*client_, specs))
    ran_on_[id];
}

void autonomy::be_away() {
  auto begun = clock_type::now();
  auto killed = false;
  while (clock_type::now() < begun + options_.away) {
    for (auto& x : world_.workers)
      look_at(*x);
    if (!killed && clock_type::now() > begun + options_.away / 3) {
      killed = true;
      kill_one();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{options_.away} / 20);
  }
  finished_ = read_journal(world_.journal_file());
}

void autonomy::look_at(const test::real_node& worker) {
  auto said = test::run_coppice({"nodes", "--connect", worker.address()});
  ++questions_;
  auto who = worker.name() + " ";
  expect(said.code == 0, who + "does not list the nodes: " + said.err);
  for (auto* xs : {&world_.cluster.nodes, &world_.workers})
    for (auto& x : *xs)
      expect(said.out.find(x->name() + " ") != std::string::npos,
             who + "does not list " + x->name() + ":\n" + said.out);
  constexpr auto before = std::string_view{" of the others is "};
  auto begin = said.out.find(before);
  auto end = said.out.find(" old", begin);
  if (begin == std::string::npos || end == std::string::npos)
    return expect(false,
                  who + "does not say how old its view is:\n" + said.out);
  begin += before.size();
  auto age = parse_duration(said.out.substr(begin, end - begin));
  expect(age && age.value() > ages_[worker.name()],
         who + "does not say that its view grows older:\n" + said.out);
  if (age)
    ages_[worker.name()] = age.value();
}

void autonomy::kill_one() {
  auto former = victim().node_pid();
  victim().signal_node(SIGKILL);
  auto returned = test::eventually([&] {
    auto now = victim().node_pid();
    auto asked = [&] {
      return test::run_coppice({"nodes", "--connect", victim().address()}).code;
    };
    return now && now != former && asked() == 0;
  });
  expect(returned, victim().name() + " does not come back");
}

void autonomy::judge() {
  client_ = world_.connect();
  // One that was killed begins anew.
  auto limit = test::patience + longest_task();
  for (auto& [id, unused] : ran_on_)
    expect(
      test::eventually(
        [&] { return test::has_ended(test::get_task(*client_, id)); }, limit),
      "task " + id + " does not end");
  auto seen = read_journal(world_.journal_file());
  for (auto& [id, unused] : ran_on_)
    judge_task(id, seen);
  judge_list();
  auto on_others = std::count_if(ran_on_.begin(), ran_on_.end(), [&](auto& x) {
    return x.second != victim().name() && finished_.ended.count(x.first) != 0;
  });
  expect(on_others > tasks_of_worker, "too few tasks ended meanwhile");
  std::printf("%zu tasks, %zu of them ended while no manager was there; %zu "
              "questions to workers; %s old at most\n",
              ran_on_.size(), finished_.ended.size(), questions_,
              format_duration(ages_[world_.workers.front()->name()]).c_str());
}

void autonomy::judge_task(const std::string& id, const journal& seen) {
  auto task = test::get_task(*client_, id);
  for (auto& fault : {fault_of(task, fate::succeeds), fault_of(task, seen)})
    expect(fault.empty(), fault);
  auto& node = ran_on_[id];
  if (node.empty())
    return;
  auto begun = seen.begun.find(id);
  auto times = begun == seen.begun.end() ? 0 : begun->second.size();
  auto again = id + " ran on " + node + " and began " + std::to_string(times)
               + " times, attempt " + std::to_string(task.attempt())
               + " was believed";
  auto had_ended = finished_.ended.count(id) != 0;
  // What the one that was killed had not finished is for others to do.
  if (node != victim().name())
    expect(times == 1 && task.attempt() == 1, again);
  else if (had_ended)
    expect(times == 1 && task.attempt() == 1, again);
  else
    expect(times <= 2 && task.attempt() <= 2, again);
}

void autonomy::judge_list() {
  auto is_well = [](auto& x) {
    return x.state() == "healthy" && !x.suspected()
           && (!x.worker() || x.connected());
  };
  auto well = test::eventually([&] {
    auto xs = nodes_of(*client_);
    return xs.size() == world_.cluster.nodes.size() + workers
           && std::all_of(xs.begin(), xs.end(), is_well);
  });
  expect(well, "not all nodes are healthy in the end");
}

bool run(const options& x) {
  auto begun = clock_type::now();
  std::printf("%d managers, all of them away for %s; %d workers, one of them "
              "killed meanwhile\n",
              x.managers, format_duration(x.away).c_str(), workers);
  autonomy trial{x};
  auto faults = trial.run();
  for (auto& fault : faults)
    std::printf("FAULT: %s\n", fault.c_str());
  auto took = std::chrono::duration<double>(clock_type::now() - begun).count();
  std::printf("%s; %.1f s\n",
              faults.empty() ? "nothing lost, nothing run twice" : "FAILED",
              took);
  return faults.empty();
}

} // namespace

int main(int argc, char** argv) {
  try {
    return run(parse_options({argv + 1, argv + argc})) ? 0 : 1;
  } catch (const std::exception& x) {
    std::printf("FAILED: %s\n", x.what());
    return 1;
  }
}

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// Submits, cancels and retries tasks, and binds their products to one shard
// after the other, all the time while managers and workers are killed, frozen
// and cut off from each other again and again, a third of the time a manager
// that leads, and managers lose their data. The judge is the client's own log
// of acknowledgements and the tasks' own journal of starts and ends, not
// Coppice's word for it.

#include "tests/process/trials/faults.hpp"
#include "tests/process/trials/judgement.hpp"
#include "tests/process/trials/load.hpp"
#include "tests/process/trials/trial_options.hpp"
#include "tests/process/trials/world.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>

using namespace coppice;
using namespace coppice::trial;

namespace {

using clock_type = std::chrono::steady_clock;

/// What is wrong with the trial itself: it must have hit something.
std::vector<std::string> faults_of_trial(const trial_options& options,
                                         const faults::figures& done,
                                         const verdict& found) {
  std::vector<std::string> result;
  if (found.retried == 0)
    result.push_back("no task was tried twice: the faults hit nothing");
  if (options.freezes > 0 && found.fenced == 0)
    result.push_back("no late result was refused: the freeze hit nothing");
  if (done.kills_under_load * 30 < done.kills * 25)
    result.push_back("too few kills hit a busy cluster");
  return result;
}

void report(const history& said, const faults::figures& done,
            const verdict& found) {
  std::printf("%zu tasks acknowledged, %d cancelled, %d tried more than once, "
              "%llu late results refused; %d cancels, %d retries and %d "
              "bindings acknowledged\n",
              said.tasks.size(), found.cancelled, found.retried,
              static_cast<unsigned long long>(found.fenced), said.cancels,
              said.retries, said.binds);
  std::printf("%d kills, %d of them with %u or more leases live; %d freezes, "
              "%d losses of data, %d partitions; %d of all on a leader; whole "
              "at most %.1f s after a partition\n",
              done.kills, done.kills_under_load, under_load, done.freezes,
              done.losses, done.partitions, done.on_leader,
              std::chrono::duration<double>(done.longest_healing).count());
}

/// @returns Whether everything is as it has to be.
bool run(const trial_options& options) {
  std::printf("%s\n", describe(options).c_str());
  auto begun = clock_type::now();
  world all{options};
  all.start();
  progress_of_faults progress;
  load work{all, progress};
  faults trouble{all, progress};
  trouble.inject_all();
  auto& said = work.finish();
  auto found = judge(*all.connect(), said, all.journal_file());
  report(said, trouble.done(), found);
  auto seconds
    = std::chrono::duration<double>(clock_type::now() - begun).count();
  auto good = true;
  auto own = faults_of_trial(options, trouble.done(), found);
  for (auto& list :
       {said.faults, trouble.done().faults, found.faults, all.crashes(), own})
    for (auto& fault : list) {
      std::printf("FAULT: %s\n", fault.c_str());
      good = false;
    }
  std::printf("%s; %.1f s\n",
              good ? "nothing lost, nothing believed twice" : "FAILED",
              seconds);
  if (!good && std::getenv("COPPICE_KEEP"))
    std::printf("see %s and %s\n", all.folder.path().c_str(),
                all.cluster.folder.path().c_str());
  return good;
}

} // namespace

int main(int argc, char** argv) {
  try {
    auto options = parse({argv + 1, argv + argc});
    if (options.partitions > 0)
      if (auto why = test::allow_networks(); !why.empty()) {
        std::printf("partitions are left out: %s\n", why.c_str());
        options.partitions = 0;
      }
    return run(options) ? 0 : 1;
  } catch (const std::exception& x) {
    std::printf("FAILED: %s\n", x.what());
    return 1;
  }
}

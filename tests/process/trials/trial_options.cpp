// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/process/trials/trial_options.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>

namespace coppice::trial {

trial_options parse(const std::vector<std::string>& args) {
  trial_options result;
  const std::map<std::string, int*> numbers{
    {"--managers", &result.managers}, {"--workers", &result.workers},
    {"--shards", &result.shards},     {"--tasks", &result.tasks},
    {"--kills", &result.kills},       {"--freezes", &result.freezes},
    {"--losses", &result.losses},     {"--partitions", &result.partitions}};
  for (size_t i = 0; i < args.size(); i += 2) {
    auto found = numbers.find(args[i]);
    auto is_seed = args[i] == "--seed";
    if (i + 1 == args.size() || (found == numbers.end() && !is_seed))
      throw std::invalid_argument{"what is " + args[i] + "?"};
    if (is_seed)
      result.seed = static_cast<uint32_t>(std::stoul(args[i + 1]));
    else
      *found->second = std::stoi(args[i + 1]);
  }
  result.managers = std::clamp(result.managers, 1, 5);
  result.shards = std::clamp(result.shards, 1, 16);
  if (result.workers < 1)
    result.workers = result.managers > 1 ? 2 : 1;
  return result;
}

std::string describe(const trial_options& x) {
  auto of = [](int n, const char* what) {
    return ", " + std::to_string(n) + " " + what;
  };
  return "seed " + std::to_string(x.seed) + of(x.managers, "managers")
         + of(x.workers, "workers") + of(x.shards, "shards")
         + of(x.tasks, "tasks") + of(x.kills, "kills")
         + of(x.freezes, "freezes") + of(x.losses, "losses of data")
         + of(x.partitions, "partitions");
}

} // namespace coppice::trial

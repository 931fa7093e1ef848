// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/command_list.hpp"
#include "apps/commands/progress_line.hpp"

#include <algorithm>

namespace po = boost::program_options;

namespace coppice {

namespace {

void declare(po::options_description& x) {
  x.add_options()("weight", text_value("NUMBER"),
                  "share of the whole relative to its siblings (default 1)");
}

result<action> prepare(const arguments& args) {
  if (args.words.size() < 2)
    return usage_error(args.words.empty() ? "the path of the stage is missing"
                                          : "the percentage is missing");
  auto words = args.words;
  auto path = words.front();
  if (path.empty()
      || std::any_of(path.begin(), path.end(),
                     [](unsigned char c) { return c <= ' '; }))
    return usage_error("the path of a stage is not empty and has no blanks, "
                       "e.g. copy/part-1");
  words.erase(words.begin());
  auto line = "stage " + path + " ";
  if (args.has("weight"))
    line += "weight=" + protocol_text({args.text("weight")}) + " ";
  return protocol_action(line + protocol_text(words));
}

} // namespace

const command stage_command_info{
  .name = "stage",
  .brief = "say how far a part of the task is",
  .synopsis = "[--weight=NUMBER] PATH PERCENT [TEXT...]",
  .text
  = "A stage is made when it is first named. PATH names the stage and those "
    "above it,\n"
    "separated by /. The task's percentage is the weighted mean of its "
    "stages.\n"
    "\n"
    "Example: coppice stage --weight=3 copy/part-1 12.5\n",
  .declare = declare,
  .prepare = prepare,
  .remote = false,
};

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/command_list.hpp"
#include "apps/commands/progress_line.hpp"

namespace coppice {

namespace {

result<action> prepare(const arguments& args) {
  if (args.words.empty())
    return usage_error("the text is missing");
  return protocol_action("result " + protocol_text(args.words));
}

} // namespace

const command result_command_info{
  .name = "result",
  .brief = "say what the task has made",
  .synopsis = "TEXT...",
  .text = "The text is kept with the task; the last one counts.\n"
          "\n"
          "Example: coppice result 42 rows in /srv/out.csv\n",
  .declare = nullptr,
  .prepare = prepare,
  .remote = false,
};

} // namespace coppice

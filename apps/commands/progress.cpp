// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/command_list.hpp"
#include "apps/commands/progress_line.hpp"

namespace coppice {

namespace {

result<action> prepare(const arguments& args) {
  if (args.words.empty())
    return usage_error("the percentage is missing");
  return protocol_action("progress " + protocol_text(args.words));
}

} // namespace

const command progress_command_info{
  .name = "progress",
  .brief = "say how far the task is",
  .synopsis = "PERCENT [TEXT...]",
  .text = "PERCENT is a number from 0 to 100. A text that begins with a dash "
          "stands behind --.\n"
          "\n"
          "Example: coppice progress 40 indexing the catalogue\n",
  .declare = nullptr,
  .prepare = prepare,
  .remote = false,
};

} // namespace coppice

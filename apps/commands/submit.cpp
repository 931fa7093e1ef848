// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/bulk_submit.hpp"
#include "apps/commands/command_list.hpp"
#include "apps/commands/text.hpp"
#include "apps/commands/watch.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>

namespace po = boost::program_options;

namespace coppice {

namespace {

void declare(po::options_description& x) {
  x.add_options()("wait,w", "show the progress until all tasks have ended")(
    "json", "print a JSON object for each task: id, and duplicate if its key "
            "was known");
}

exit_code submit_lines(context& ctx, std::istream& input, bool json,
                       bool wait) {
  bulk_submit bulk{ctx, json};
  auto code = bulk.run(input);
  if (!wait || code == exit_code::no_cluster || bulk.ids().empty())
    return code;
  auto watched = watch_tasks(ctx, bulk.ids(), ctx.err, ctx.err_screen);
  return code == exit_code::success ? watched : code;
}

exit_code submit(context& ctx, const std::string& name, bool json, bool wait) {
  if (name == "-")
    return submit_lines(ctx, std::cin, json, wait);
  std::error_code code;
  std::ifstream file{name};
  // Opening a folder works; reading it does not, and is no error to a stream.
  if (!file || std::filesystem::is_directory(name, code)) {
    ctx.complain("cannot read " + quote(name) + ": "
                 + (file ? "it is a folder" : strerror(errno)));
    return exit_code::usage;
  }
  return submit_lines(ctx, file, json, wait);
}

result<action> prepare(const arguments& args) {
  if (auto okay
      = expect_words(args, 1, 1, "the file (- is the standard input)");
      !okay)
    return okay.error();
  return action{[name = args.words[0], json = args.has("json"),
                 wait = args.has("wait")](context& ctx) {
    return submit(ctx, name, json, wait);
  }};
}

} // namespace

const command submit_command_info{
  .name = "submit",
  .brief = "submit many tasks, one JSON object a line",
  .synopsis = "[options] FILE|-",
  .text
  = "Each line is a task spec in protobuf JSON (docs/commands.md names the "
    "fields):\n"
    "\n"
    "  {\"kind\":\"exec\",\"exec\":{\"argv\":[\"/bin/"
    "true\"]},\"product\":\"p\",\"idempotencyKey\":\"k1\"}\n"
    "\n"
    "Prints the ids in the order of the lines. A line that is refused is "
    "reported with its\n"
    "number; the others go on. Empty lines are skipped.\n"
    "\n"
    "Example: coppice submit --wait tasks.jsonl\n",
  .declare = declare,
  .prepare = prepare,
};

} // namespace coppice

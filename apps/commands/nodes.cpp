// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/command_list.hpp"
#include "apps/commands/json.hpp"
#include "apps/commands/render.hpp"

namespace po = boost::program_options;

namespace coppice {

namespace {

void declare(po::options_description& x) {
  x.add_options()("json", "print one JSON object a line");
}

exit_code show(context& ctx, bool json) {
  proto::Request request;
  request.mutable_nodes();
  proto::Reply reply;
  auto code = exit_code::success;
  if (!ctx.ask(std::move(request), reply, code))
    return code;
  auto& nodes = reply.nodes().nodes();
  if (json) {
    for (auto& x : nodes)
      ctx.out << to_json(x) << "\n";
  } else {
    ctx.out << render_nodes({nodes.begin(), nodes.end()}, now_ms());
  }
  return code;
}

result<action> prepare(const arguments& args) {
  if (auto okay = expect_words(args, 0, 0, ""); !okay)
    return okay.error();
  return action{
    [json = args.has("json")](context& ctx) { return show(ctx, json); }};
}

} // namespace

const command nodes_command_info{
  .name = "nodes",
  .brief = "list the nodes that work for the cluster",
  .synopsis = "[options]",
  .text
  = "BUSY is the number of attempts a node holds and of its slots, FENCED "
    "that of\n"
    "results and checkpoints of old attempts that were refused.\n"
    "\n"
    "Example: coppice nodes --json\n",
  .declare = declare,
  .prepare = prepare,
};

} // namespace coppice

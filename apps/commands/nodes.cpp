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
  if (json) {
    for (auto& x : reply.nodes().nodes())
      ctx.out << to_json(x) << "\n";
    for (auto& note : reply.nodes().notes())
      ctx.complain(note);
  } else {
    ctx.out << render_nodes(reply.nodes(), now_ms());
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
  .brief = "list the nodes of the cluster",
  .synopsis = "[options]",
  .text
  = "STATE is healthy, suspect (silent for longer than usual, or its "
    "connection is\n"
    "lost), draining or drained (healthy, but people let it have no tasks), "
    "quarantined\n"
    "(healthy, but tasks fail fast on it), down or left, and SINCE when; what "
    "there is to\n"
    "say of a node that is not healthy stands below the list. BUSY is the "
    "number of attempts\n"
    "a node holds and of its slots, FENCED that of results and checkpoints of "
    "old attempts\n"
    "that were refused. If no manager answers, a node says what it knew last, "
    "and how old\n"
    "that is.\n"
    "\n"
    "Example: coppice nodes --json\n",
  .declare = declare,
  .prepare = prepare,
};

} // namespace coppice

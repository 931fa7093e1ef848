// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/command_list.hpp"
#include "apps/commands/json.hpp"
#include "apps/commands/render.hpp"

namespace po = boost::program_options;

namespace coppice {

namespace {

void declare(po::options_description& x) {
  x.add_options()("json", "print one JSON object");
}

exit_code show(context& ctx, const std::string& node, bool json) {
  proto::Request request;
  request.mutable_tree()->set_node(node);
  proto::Reply reply;
  auto code = exit_code::success;
  if (!ctx.ask(std::move(request), reply, code))
    return code;
  if (json)
    ctx.out << to_json(reply.tree()) << "\n";
  else
    ctx.out << render_tree(reply.tree(), now_ms());
  return code;
}

result<action> prepare(const arguments& args) {
  if (auto okay = expect_words(args, 0, 1, "at most one NODE"); !okay)
    return okay.error();
  auto node = args.words.empty() ? std::string{} : args.words.front();
  return action{[node, json = args.has("json")](context& ctx) {
    return show(ctx, node, json);
  }};
}

} // namespace

const command tree_command_info{
  .name = "tree",
  .brief = "show the parts of a node and how they fare",
  .synopsis = "[options] [NODE]",
  .text
  = "Shows what the node that answers consists of, or NODE: who supervises "
    "whom, how often\n"
    "a part was started again, since when it runs, and how long a message to "
    "it just waited\n"
    "for its answer: what was in its mailbox came first. A part that fails is "
    "started again\n"
    "with what it has on disk; where that is not possible, or does not help, "
    "its node ends\n"
    "and is started again. Below the tree stands why parts have ended.\n"
    "\n"
    "Example: coppice tree worker-1\n",
  .declare = declare,
  .prepare = prepare,
};

} // namespace coppice

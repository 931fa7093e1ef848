// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/command_list.hpp"
#include "apps/commands/text.hpp"

namespace coppice {

namespace {

exit_code forget(context& ctx, const std::string& node) {
  proto::Request request;
  request.mutable_forget_node()->set_node(node);
  proto::Reply reply;
  auto code = exit_code::success;
  if (!ctx.ask(std::move(request), reply, code))
    return code;
  ctx.out << printable(node) << " is forgotten\n";
  return code;
}

result<action> prepare(const arguments& args) {
  if (auto okay = expect_words(args, 1, 1, "node"); !okay)
    return okay.error();
  return action{
    [node = args.words[0]](context& ctx) { return forget(ctx, node); }};
}

} // namespace

const command forget_command_info{
  .name = "forget",
  .brief = "take a node out of the list that will not come back",
  .synopsis = "[options] NODE",
  .text = "For a node that is down or has left; should it come back all the "
          "same, it is listed\n"
          "again. Tasks and events go on to name it.\n"
          "\n"
          "Example: coppice forget worker-3\n",
  .declare = nullptr,
  .prepare = prepare,
};

} // namespace coppice

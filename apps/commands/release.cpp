// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/command_list.hpp"
#include "apps/commands/text.hpp"

namespace coppice {

namespace {

exit_code release(context& ctx, const std::string& node) {
  proto::Request request;
  request.mutable_release()->set_node(node);
  proto::Reply reply;
  auto code = exit_code::success;
  if (!ctx.ask(std::move(request), reply, code))
    return code;
  auto changed = reply.release().quarantined() || reply.release().drained();
  ctx.out << printable(node)
          << (changed ? " is released" : " was neither quarantined nor drained")
          << "\n";
  return code;
}

result<action> prepare(const arguments& args) {
  if (auto okay = expect_words(args, 1, 1, "node"); !okay)
    return okay.error();
  return action{
    [node = args.words[0]](context& ctx) { return release(ctx, node); }};
}

} // namespace

const command release_command_info{
  .name = "release",
  .brief = "give tasks to a node again that is drained or quarantined",
  .synopsis = "[options] NODE",
  .text
  = "A node on which several tasks in a row failed within seconds is "
    "quarantined: it gets\n"
    "no attempts but one as a trial now and then, and 'coppice nodes' says "
    "why. When its\n"
    "fault is mended, this releases it at once. It ends 'coppice drain' as "
    "well.\n"
    "\n"
    "Example: coppice release worker-3\n",
  .declare = nullptr,
  .prepare = prepare,
};

} // namespace coppice

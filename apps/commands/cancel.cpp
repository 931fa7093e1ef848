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

void print(context& ctx, const proto::CancelReply::Item& x) {
  auto stopping = !has_ended(x.state());
  ctx.out << x.id() << " "
          << (stopping ? "is being stopped by its node" : "cancelled") << "\n";
}

exit_code cancel(context& ctx, const std::vector<std::string>& ids, bool json) {
  proto::Request request;
  request.mutable_cancel()->mutable_ids()->Add(ids.begin(), ids.end());
  proto::Reply reply;
  auto code = exit_code::success;
  if (!ctx.ask(std::move(request), reply, code))
    return code;
  for (auto& item : reply.cancel().items()) {
    if (item.has_error()) {
      ctx.complain(item.error().message());
      code = exit_code::refused;
    }
    if (json)
      ctx.out << to_json(item) << "\n";
    else if (!item.has_error())
      print(ctx, item);
  }
  return code;
}

result<action> prepare(const arguments& args) {
  auto ids = task_ids(args, 1);
  if (!ids)
    return ids.error();
  return action{[ids = ids.value(), json = args.has("json")](context& ctx) {
    return cancel(ctx, ids, json);
  }};
}

} // namespace

const command cancel_command_info{
  .name = "cancel",
  .brief = "cancel tasks",
  .synopsis = "[options] ID...",
  .text = "A task that waits is cancelled at once. One that runs is stopped by "
          "its node:\n"
          "a command gets SIGTERM, and SIGKILL when its grace is over.\n"
          "\n"
          "Example: coppice cancel 1.1.42 1.1.43\n",
  .declare = declare,
  .prepare = prepare,
};

} // namespace coppice

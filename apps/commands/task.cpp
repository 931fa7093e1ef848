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

exit_code show(context& ctx, const std::vector<std::string>& ids, bool json) {
  proto::Request request;
  request.mutable_get()->mutable_ids()->Add(ids.begin(), ids.end());
  request.mutable_get()->set_full(true);
  proto::Reply reply;
  auto code = exit_code::success;
  if (!ctx.ask(std::move(request), reply, code))
    return code;
  const char* gap = "";
  for (auto& item : reply.get().items()) {
    if (item.has_error()) {
      ctx.complain(item.error().message());
      code = exit_code::refused;
    } else if (json) {
      ctx.out << to_json(item.task()) << "\n";
    } else {
      ctx.out << gap << render_task(item.task(), now_ms());
      gap = "\n";
    }
  }
  return code;
}

result<action> prepare(const arguments& args) {
  auto ids = task_ids(args, 1);
  if (!ids)
    return ids.error();
  return action{[ids = ids.value(), json = args.has("json")](context& ctx) {
    return show(ctx, ids, json);
  }};
}

} // namespace

const command task_command_info{
  .name = "task",
  .brief = "show all that is known of a task, with its attempts and spec",
  .synopsis = "[options] ID...",
  .text = "Example: coppice task 1.1.42\n",
  .declare = declare,
  .prepare = prepare,
};

} // namespace coppice

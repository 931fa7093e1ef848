// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/command_list.hpp"
#include "apps/commands/json.hpp"

namespace po = boost::program_options;

namespace coppice {

namespace {

void declare(po::options_description& x) {
  x.add_options()("json", "print one JSON object a line");
}

exit_code retry(context& ctx, const std::vector<std::string>& ids, bool json) {
  proto::Request request;
  request.mutable_retry()->mutable_ids()->Add(ids.begin(), ids.end());
  proto::Reply reply;
  auto code = exit_code::success;
  if (!ctx.ask(std::move(request), reply, code))
    return code;
  for (auto& item : reply.retry().items()) {
    if (item.has_error()) {
      ctx.complain(item.error().message());
      code = exit_code::refused;
    }
    if (json)
      ctx.out << to_json(item) << "\n";
    else if (!item.has_error())
      ctx.out << item.id() << " waits for another attempt\n";
  }
  return code;
}

result<action> prepare(const arguments& args) {
  auto ids = task_ids(args, 1);
  if (!ids)
    return ids.error();
  return action{[ids = ids.value(), json = args.has("json")](context& ctx) {
    return retry(ctx, ids, json);
  }};
}

} // namespace

const command retry_command_info{
  .name = "retry",
  .brief = "try tasks again that failed, timed out or were cancelled",
  .synopsis = "[options] ID...",
  .text
  = "The task keeps its id, its attempts and its checkpoint, and gets all "
    "the tries of\n"
    "its retry policy again.\n"
    "\n"
    "Example: coppice retry 1.1.42\n",
  .declare = declare,
  .prepare = prepare,
};

} // namespace coppice

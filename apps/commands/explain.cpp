// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/command_list.hpp"
#include "apps/commands/json.hpp"
#include "apps/commands/render.hpp"
#include "apps/commands/text.hpp"

namespace po = boost::program_options;

namespace coppice {

namespace {

void declare(po::options_description& x) {
  x.add_options()("json", "print a JSON object");
}

exit_code explain(context& ctx, const std::string& id, bool json) {
  proto::Request request;
  request.mutable_explain()->set_id(id);
  proto::Reply reply;
  auto code = exit_code::success;
  if (!ctx.ask(std::move(request), reply, code))
    return code;
  auto& x = reply.explain();
  if (json) {
    ctx.out << to_json(x) << "\n";
    return code;
  }
  ctx.out << id << " " << state_verb(x.task().state()) << " "
          << render_standing(x.task(), now_ms()) << "\n";
  for (auto& line : x.lines())
    ctx.out << "  " << printable(line) << "\n";
  return code;
}

result<action> prepare(const arguments& args) {
  auto ids = task_ids(args, 1);
  if (!ids)
    return ids.error();
  if (auto okay = expect_words(args, 1, 1, "a task id"); !okay)
    return okay.error();
  return action{[id = args.words[0], json = args.has("json")](context& ctx) {
    return explain(ctx, id, json);
  }};
}

} // namespace

const command explain_command_info{
  .name = "explain",
  .brief = "say why a task waits, or what goes on with it",
  .synopsis = "[options] ID",
  .text = "Example: coppice explain 1.1.42\n",
  .declare = declare,
  .prepare = prepare,
};

} // namespace coppice

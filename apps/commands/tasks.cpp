// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/command_list.hpp"
#include "apps/commands/json.hpp"
#include "apps/commands/render.hpp"
#include "config/values.hpp"

namespace po = boost::program_options;

namespace coppice {

namespace {

struct wanted {
  proto::ListRequest request;
  bool all = false;
  bool stale = false;
  bool json = false;
};

void declare(po::options_description& x) {
  x.add_options()("product", text_value("NAME"), "only those of this product")(
    "state", texts_value("STATE"),
    "only those in this state: waiting, leased, running, succeeded, failed, "
    "cancelled or timed-out; may be repeated")("after", text_value("ID"),
                                               "begin behind this task")(
    "limit", text_value("N"), "show at most N tasks, 1 to 1000 (default 100)")(
    "all", "show all, however many there are")(
    "json", "print one JSON object a line")("stale", stale_help);
}

void print(context& ctx, const wanted& what, const proto::ListReply& page) {
  if (what.json) {
    for (auto& x : page.tasks())
      ctx.out << to_json(x) << "\n";
  } else {
    ctx.out << render_tasks({page.tasks().begin(), page.tasks().end()},
                            now_ms());
  }
  ctx.out.flush();
}

exit_code list(context& ctx, wanted what) {
  for (auto first = true;; first = false) {
    proto::Request request;
    *request.mutable_list() = what.request;
    request.set_stale(what.stale);
    proto::Reply reply;
    auto code = exit_code::success;
    if (!ctx.ask(std::move(request), reply, code))
      return code;
    if (first)
      ctx.note_age(reply);
    print(ctx, what, reply.list());
    // A lone heading looks as if something was missing.
    if (reply.list().tasks().empty() && !what.json)
      ctx.err << "no tasks" << std::endl;
    if (reply.list().next().empty())
      return exit_code::success;
    if (!what.all) {
      ctx.complain("there are more: --after=" + reply.list().next()
                   + ", or --all");
      return exit_code::success;
    }
    what.request.set_after(reply.list().next());
  }
}

result<action> prepare(const arguments& args) {
  if (auto okay = expect_words(args, 0, 0, ""); !okay)
    return okay.error();
  wanted what;
  what.all = args.has("all");
  what.json = args.has("json");
  what.stale = args.has("stale");
  auto limit = args.number("limit", what.all ? 1'000 : 100, 1, 1'000);
  if (!limit)
    return limit.error();
  what.request.set_limit(static_cast<uint32_t>(limit.value()));
  what.request.set_product(args.text("product"));
  what.request.set_after(args.text("after"));
  if (args.has("after"))
    if (auto okay = expect_task_id(args.text("after")); !okay)
      return usage_error("--after: " + okay.error().message);
  for (auto& text : args.texts("state")) {
    auto state = parse_state(text);
    if (!state)
      return usage_error("--state: " + state.error().message);
    what.request.add_states(state.value());
  }
  return action{[what](context& ctx) { return list(ctx, what); }};
}

} // namespace

const command tasks_command_info{
  .name = "tasks",
  .brief = "list tasks",
  .synopsis = "[options]",
  .text = "Lists tasks in the order in which they were accepted.\n"
          "\n"
          "Example: coppice tasks --product=reports --state=running\n",
  .declare = declare,
  .prepare = prepare,
};

} // namespace coppice

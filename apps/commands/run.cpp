// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/command_list.hpp"
#include "apps/commands/exec_spec.hpp"
#include "apps/commands/json.hpp"
#include "apps/commands/watch.hpp"

namespace coppice {

namespace {

struct wanted {
  proto::TaskSpec spec;
  bool wait = false;
  bool json = false;
};

/// Prints how the task ended, for programs.
exit_code print_task(context& ctx, const std::string& id, exit_code outcome) {
  proto::Request request;
  request.mutable_get()->add_ids(id);
  request.mutable_get()->set_full(true);
  proto::Reply reply;
  if (!ctx.ask(std::move(request), reply, outcome))
    return outcome;
  for (auto& item : reply.get().items())
    ctx.out << to_json(item.task()) << "\n";
  return outcome;
}

exit_code run(context& ctx, wanted what) {
  if (what.spec.idempotency_key().empty())
    what.spec.set_idempotency_key(make_idempotency_key());
  proto::Request request;
  what.spec.SerializeToString(request.mutable_submit()->add_specs());
  proto::Reply reply;
  auto code = exit_code::success;
  if (!ctx.ask(std::move(request), reply, code))
    return code;
  if (reply.submit().items_size() != 1) {
    ctx.complain("the node's answer does not fit the request");
    return exit_code::no_cluster;
  }
  auto& item = reply.submit().items(0);
  if (item.has_error()) {
    ctx.complain(item.error().message());
    return exit_code::refused;
  }
  ctx.out << (what.json ? to_json(item) : item.id()) << std::endl;
  if (!what.wait)
    return code;
  // The id is all that programs want to read.
  code = watch_tasks(ctx, {item.id()}, ctx.err, ctx.err_screen);
  auto known = code == exit_code::success || code == exit_code::work_failed;
  return what.json && known ? print_task(ctx, item.id(), code) : code;
}

result<action> prepare(const arguments& args) {
  auto spec = exec_spec(args);
  if (!spec)
    return spec.error();
  wanted what{spec.value(), args.has("wait"), args.has("json")};
  return action{[what](context& ctx) { return run(ctx, what); }};
}

} // namespace

const command run_command_info{
  .name = "run",
  .brief = "run a command as a task",
  .synopsis = "[options] -- COMMAND [ARGUMENT...]",
  .text
  = "Prints the id of the task. With --wait shows its progress on the standard "
    "error and\n"
    "ends with its result: 0 it succeeded, 1 it did not. Ctrl-C ends the "
    "watching, not the\n"
    "task. There is no shell unless you name one: coppice run -- sh -c 'ls | "
    "wc -l'\n"
    "\n"
    "Example: coppice run --wait --attempts=3 --timeout=1h -- make -C /src "
    "all\n",
  .declare = declare_run_options,
  .prepare = prepare,
  .takes_command = true,
};

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/command_list.hpp"
#include "apps/commands/render.hpp"
#include "apps/commands/text.hpp"
#include "runtime/duration.hpp"

#include <thread>

namespace po = boost::program_options;

namespace coppice {

namespace {

/// How often it is looked whether anything still runs.
constexpr auto look_pause = std::chrono::milliseconds{500};

struct drain_order {
  std::string node;
  std::chrono::milliseconds deadline{0};
  bool waits = false;
};

void declare(po::options_description& x) {
  x.add_options()("deadline", po::value<std::string>()->value_name("TIME"),
                  "stop what still runs after so long, e.g. 10m; by default "
                  "nothing is stopped")(
    "wait", "wait until nothing runs on the node any more");
}

/// Returns what the cluster says of the node, or nothing if it says nothing.
std::optional<proto::Node> look(context& ctx, const std::string& node,
                                exit_code& code) {
  proto::Request request;
  request.mutable_nodes();
  proto::Reply reply;
  if (!ctx.ask(std::move(request), reply, code))
    return std::nullopt;
  for (auto& x : reply.nodes().nodes())
    if (x.name() == node)
      return x;
  code = exit_code::refused;
  ctx.complain("node " + quote(node) + " is in the list no more");
  return std::nullopt;
}

exit_code await_empty(context& ctx, const std::string& node) {
  auto code = exit_code::success;
  for (;;) {
    auto x = look(ctx, node, code);
    if (!x)
      return code;
    if (x->leased() == 0) {
      ctx.out << "nothing runs on " << printable(node) << " any more\n";
      return code;
    }
    if (x->drained_ms() == 0) {
      ctx.complain("node " + quote(node) + " was released meanwhile");
      return exit_code::refused;
    }
    std::this_thread::sleep_for(look_pause);
  }
}

exit_code drain(context& ctx, const drain_order& x) {
  proto::Request request;
  request.mutable_drain()->set_node(x.node);
  request.mutable_drain()->set_deadline_ms(x.deadline.count());
  proto::Reply reply;
  auto code = exit_code::success;
  if (!ctx.ask(std::move(request), reply, code))
    return code;
  auto now = look(ctx, x.node, code);
  if (!now)
    return code;
  ctx.out << drain_note(*now, now_ms()) << "\n";
  ctx.out.flush();
  return x.waits ? await_empty(ctx, x.node) : code;
}

result<action> prepare(const arguments& args) {
  if (auto okay = expect_words(args, 1, 1, "node"); !okay)
    return okay.error();
  auto deadline = args.duration("deadline", std::chrono::milliseconds{1},
                                max_stated_duration);
  if (!deadline)
    return deadline.error();
  drain_order x{args.words[0],
                deadline.value().value_or(std::chrono::milliseconds{0}),
                args.has("wait")};
  return action{[x](context& ctx) { return drain(ctx, x); }};
}

} // namespace

const command drain_command_info{
  .name = "drain",
  .brief = "give a node no more tasks, and let what runs on it move",
  .synopsis = "[options] NODE",
  .text
  = "From now on the node gets no tasks, also after it was started again. What "
    "runs on it\n"
    "is asked for a checkpoint and goes on elsewhere from there; a task that "
    "saves none runs\n"
    "to its end. Nothing is stopped before the deadline, and without one "
    "nothing at all. To\n"
    "drain a node again replaces the deadline. 'coppice release NODE' ends "
    "it.\n"
    "\n"
    "Example: coppice drain worker-3\n"
    "         coppice drain worker-3 --deadline 10m --wait\n",
  .declare = declare,
  .prepare = prepare,
};

} // namespace coppice

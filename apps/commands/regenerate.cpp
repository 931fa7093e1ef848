// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/command_list.hpp"
#include "apps/commands/json.hpp"
#include "apps/commands/render.hpp"
#include "apps/commands/text.hpp"
#include "runtime/health/regeneration/regeneration_rules.hpp"

#include <algorithm>
#include <set>
#include <thread>

namespace po = boost::program_options;

namespace coppice {

namespace {

/// How often it is looked how far it has come.
constexpr auto look_pause = std::chrono::milliseconds{250};

constexpr int64_t most_regenerations = 1'000;

// -- regenerate ---------------------------------------------------------------

struct regenerate_order {
  std::string target;
  std::string reason;
  bool waits = false;
};

void declare_regenerate(po::options_description& x) {
  x.add_options()("reason", text_value("TEXT"), "for the history")(
    "wait", "wait until it has ended, and say how");
}

result<std::vector<proto::RegenerationRow>>
look(context& ctx, const std::set<uint64_t>& numbers, exit_code& code) {
  proto::Request request;
  request.mutable_regenerations()->set_limit(most_regenerations);
  proto::Reply reply;
  if (!ctx.ask(std::move(request), reply, code))
    return error{ec::not_found, ""};
  std::vector<proto::RegenerationRow> out;
  for (auto& x : reply.regenerations().regenerations())
    if (numbers.count(x.number()) > 0)
      out.push_back(x);
  return out;
}

exit_code await_end(context& ctx, std::set<uint64_t> numbers) {
  auto code = exit_code::success;
  while (!numbers.empty()) {
    auto found = look(ctx, numbers, code);
    if (!found)
      return code;
    for (auto& x : found.value()) {
      if (is_under_way(x))
        continue;
      numbers.erase(x.number());
      ctx.out << render_regeneration(x, now_ms());
      ctx.out.flush();
      if (x.outcome() != proto::REGENERATED)
        code = exit_code::work_failed;
    }
    if (!numbers.empty())
      std::this_thread::sleep_for(look_pause);
  }
  return code;
}

exit_code regenerate(context& ctx, const regenerate_order& x) {
  proto::Request request;
  request.mutable_regenerate()->set_target(x.target);
  request.mutable_regenerate()->set_reason(x.reason);
  proto::Reply reply;
  auto code = exit_code::success;
  if (!ctx.ask(std::move(request), reply, code))
    return code;
  std::set<uint64_t> numbers;
  for (auto& row : reply.regenerate().begun()) {
    numbers.insert(row.number());
    ctx.out << "regeneration " << row.number() << " of "
            << printable(describe_target(row)) << " begins\n";
  }
  ctx.out.flush();
  return x.waits ? await_end(ctx, std::move(numbers)) : code;
}

result<action> prepare_regenerate(const arguments& args) {
  if (auto okay = expect_words(args, 1, 1, "node or service"); !okay)
    return okay.error();
  regenerate_order x{args.words[0],
                     args.has("reason") ? args.text("reason") : "",
                     args.has("wait")};
  if (x.reason.size() > max_regeneration_words)
    return usage_error("--reason: at most "
                       + std::to_string(max_regeneration_words) + " bytes");
  return action{[x](context& ctx) { return regenerate(ctx, x); }};
}

// -- regenerations ------------------------------------------------------------

struct history_order {
  std::string of;
  uint32_t last = 0;
  bool json = false;
};

void declare_history(po::options_description& x) {
  x.add_options()("last", text_value("N"), "so many, at most 1000; default 20")(
    "json", "print one JSON object a line");
}

exit_code show(context& ctx, const history_order& x) {
  proto::Request request;
  request.mutable_regenerations()->set_of(x.of);
  request.mutable_regenerations()->set_limit(x.last);
  proto::Reply reply;
  auto code = exit_code::success;
  if (!ctx.ask(std::move(request), reply, code))
    return code;
  auto& rows = *reply.mutable_regenerations()->mutable_regenerations();
  // The latest comes last, as with events.
  std::reverse(rows.begin(), rows.end());
  for (auto& row : rows)
    ctx.out << (x.json ? to_json(row) + "\n"
                       : render_regeneration(row, now_ms()));
  return code;
}

result<action> prepare_history(const arguments& args) {
  if (auto okay = expect_words(args, 0, 1, "node or service"); !okay)
    return okay.error();
  auto last = args.number("last", 20, 1, most_regenerations);
  if (!last)
    return last.error();
  history_order x{args.words.empty() ? "" : args.words[0],
                  static_cast<uint32_t>(last.value()), args.has("json")};
  return action{[x](context& ctx) { return show(ctx, x); }};
}

} // namespace

const command regenerate_command_info{
  .name = "regenerate",
  .brief = "cut a node or a service back, so that it grows again",
  .synopsis = "[options] NODE | SERVICE[/INSTANCE]",
  .text
  = "A node is given nothing new; its tasks move at their next checkpoint, its "
    "services to\n"
    "other nodes; what cannot move is saved. Then its process ends, starts "
    "again, loads what\n"
    "was saved, and is let in again. Requests to its services wait meanwhile, "
    "and none is lost.\n"
    "Of a service the instances take turns. Refused where it would cost a "
    "quorum of managers.\n"
    "\n"
    "Example: coppice regenerate worker-3 --reason 'new kernel' --wait\n"
    "         coppice regenerate web\n",
  .declare = declare_regenerate,
  .prepare = prepare_regenerate,
};

const command regenerations_command_info{
  .name = "regenerations",
  .brief = "show what was regenerated, why, and how long it took",
  .synopsis = "[options] [NODE | SERVICE]",
  .text = "The latest comes last. The cluster keeps the last 1,000.\n"
          "\n"
          "Example: coppice regenerations --last 5\n"
          "         coppice regenerations worker-3 --json\n",
  .declare = declare_history,
  .prepare = prepare_history,
};

} // namespace coppice

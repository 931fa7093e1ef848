// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/command_list.hpp"
#include "apps/commands/json.hpp"
#include "apps/commands/render.hpp"
#include "runtime/task/request_rules.hpp"

#include <algorithm>
#include <span>
#include <utility>

namespace po = boost::program_options;

namespace coppice {

namespace {

void declare(po::options_description& x) {
  x.add_options()("json", "print one JSON object a line")("stale", stale_help);
}

struct wanted {
  bool json = false;
  bool stale = false;
};

/// Shows those of one request.
/// @param gap What separates two pages; empty before the first one.
exit_code show_some(context& ctx, std::span<const std::string> ids, wanted how,
                    const char*& gap) {
  proto::Request request;
  request.set_stale(how.stale);
  request.mutable_get()->mutable_ids()->Add(ids.begin(), ids.end());
  request.mutable_get()->set_full(true);
  proto::Reply reply;
  auto code = exit_code::success;
  if (!ctx.ask(std::move(request), reply, code))
    return code;
  ctx.note_age(reply);
  for (auto& item : reply.get().items()) {
    if (item.has_error()) {
      ctx.complain(item.error().message());
      code = exit_code::refused;
    } else if (how.json) {
      ctx.out << to_json(item.task()) << "\n";
    } else {
      ctx.out << std::exchange(gap, "\n") << render_task(item.task(), now_ms());
    }
  }
  return code;
}

exit_code show(context& ctx, const std::vector<std::string>& ids, wanted how) {
  auto result = exit_code::success;
  const char* gap = "";
  for (std::span<const std::string> left{ids}; !left.empty();) {
    auto n = std::min(left.size(), max_request_tasks);
    auto code = show_some(ctx, left.first(n), how, gap);
    if (code == exit_code::no_cluster)
      return code;
    result = std::max(result, code);
    left = left.subspan(n);
  }
  return result;
}

result<action> prepare(const arguments& args) {
  auto ids = task_ids(args, 1);
  if (!ids)
    return ids.error();
  wanted how{args.has("json"), args.has("stale")};
  return action{
    [ids = ids.value(), how](context& ctx) { return show(ctx, ids, how); }};
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

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/command_list.hpp"
#include "apps/commands/json.hpp"
#include "apps/commands/render.hpp"

#include <thread>

namespace po = boost::program_options;

namespace coppice {

namespace {

/// How often it is looked for new events.
constexpr auto look_pause = std::chrono::milliseconds{500};

constexpr int64_t most_events = 1'000;

struct events_order {
  uint32_t last = 0;
  bool follows = false;
  bool json = false;
};

void declare(po::options_description& x) {
  x.add_options()("last", po::value<std::string>()->value_name("N"),
                  "so many, at most 1000; default 20")(
    "follow", "go on with what happens from now on")(
    "json", "print one JSON object a line");
}

exit_code show(context& ctx, const events_order& x) {
  uint64_t after = 0;
  for (auto limit = x.last;; limit = static_cast<uint32_t>(most_events)) {
    proto::Request request;
    request.mutable_events()->set_after(after);
    request.mutable_events()->set_limit(limit);
    proto::Reply reply;
    auto code = exit_code::success;
    if (!ctx.ask(std::move(request), reply, code))
      return code;
    for (auto& event : reply.events().events()) {
      ctx.out << (x.json ? to_json(event) : render_event(event)) << "\n";
      after = event.number();
    }
    ctx.out.flush();
    if (!x.follows)
      return code;
    std::this_thread::sleep_for(look_pause);
  }
}

result<action> prepare(const arguments& args) {
  if (auto okay = expect_words(args, 0, 0, ""); !okay)
    return okay.error();
  auto last = args.number("last", 20, 1, most_events);
  if (!last)
    return last.error();
  events_order x{static_cast<uint32_t>(last.value()), args.has("follow"),
                 args.has("json")};
  return action{[x](context& ctx) { return show(ctx, x); }};
}

} // namespace

const command events_command_info{
  .name = "events",
  .brief = "show what happened to the nodes of the cluster",
  .synopsis = "[options]",
  .text = "When nodes registered, left, or were down and why, and what people "
          "did to them; the\n"
          "latest comes last. The cluster keeps the last 10,000.\n"
          "\n"
          "Example: coppice events --last 100\n"
          "         coppice events --follow --json\n",
  .declare = declare,
  .prepare = prepare,
};

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/command_list.hpp"
#include "apps/commands/text.hpp"

#include <thread>

namespace po = boost::program_options;

namespace coppice {

namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// A node has this long to end its attempts; its keeper kills it after
/// `keeper.stop_timeout`, 30 s by default.
constexpr auto longest_stop = std::chrono::seconds{60};

void declare(po::options_description& x) {
  x.add_options()("wait", "wait until the node is gone, at most 60 s");
}

exit_code wait_until_gone(context& ctx) {
  auto deadline = clock::now() + longest_stop;
  while (clock::now() < deadline) {
    if (!probe(ctx.cluster().options().address, milliseconds{500}))
      return exit_code::success;
    std::this_thread::sleep_for(milliseconds{50});
  }
  ctx.complain("the node has not stopped within 60 s; its log says what it "
               "waits for");
  return exit_code::refused;
}

exit_code stop(context& ctx, bool wait) {
  proto::Request request;
  request.mutable_stop();
  proto::Reply reply;
  auto code = exit_code::success;
  if (!ctx.ask(std::move(request), reply, code))
    return code;
  ctx.out << printable(reply.stop().node()) << " stops" << std::endl;
  return wait ? wait_until_gone(ctx) : code;
}

result<action> prepare(const arguments& args) {
  if (auto okay = expect_words(args, 0, 0, ""); !okay)
    return okay.error();
  return action{
    [wait = args.has("wait")](context& ctx) { return stop(ctx, wait); }};
}

} // namespace

const command stop_command_info{
  .name = "stop",
  .brief = "stop the node that is asked",
  .synopsis = "[options]",
  .text = "Stops the node at the address, keeper included. Its tasks wait for "
          "another attempt.\n"
          "\n"
          "Example: coppice stop --wait\n",
  .declare = declare,
  .prepare = prepare,
};

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/command_list.hpp"
#include "apps/commands/json.hpp"
#include "apps/commands/render.hpp"
#include "apps/commands/text.hpp"

namespace po = boost::program_options;

namespace coppice {

namespace {

void declare_group(po::options_description& x) {
  x.add_options()("group", text_value("GROUP"),
                  "of this part of the state; 'coppice shards' lists them "
                  "(default: cluster)");
}

// -- managers -----------------------------------------------------------------

void declare_list(po::options_description& x) {
  x.add_options()("json", "print one JSON object a line")("stale", stale_help);
  declare_group(x);
}

exit_code show(context& ctx, bool json, const proto::Request& request) {
  proto::Reply reply;
  auto code = exit_code::success;
  if (!ctx.ask(request, reply, code))
    return code;
  if (json) {
    for (auto& x : reply.managers().managers())
      ctx.out << to_json(x) << "\n";
  } else {
    ctx.out << render_managers(reply.managers());
  }
  return code;
}

result<action> prepare_list(const arguments& args) {
  if (auto okay = expect_words(args, 0, 0, ""); !okay)
    return okay.error();
  proto::Request what;
  what.set_stale(args.has("stale"));
  what.mutable_managers()->set_of_group(args.text("group"));
  return action{[json = args.has("json"), what](context& ctx) {
    return show(ctx, json, what);
  }};
}

// -- manager ------------------------------------------------------------------

/// A change, and what to say when it has been accepted.
struct change {
  proto::ManagerRequest request;
  std::string done;
};

result<change> parse_add(const std::string& word) {
  auto at = word.find('=');
  if (at == std::string::npos || at == 0 || at + 1 == word.size())
    return usage_error(quote(word) + " is not NAME=HOST:PORT");
  change x;
  x.request.mutable_add()->set_name(word.substr(0, at));
  x.request.mutable_add()->set_address(word.substr(at + 1));
  x.done = word.substr(0, at) + " is to become a manager";
  return x;
}

result<change> parse_change(const std::vector<std::string>& words) {
  auto& verb = words[0];
  change x;
  if (verb == "add")
    return parse_add(words[1]);
  if (verb == "remove") {
    x.request.set_remove(words[1]);
    x.done = words[1] + " is to leave";
  } else if (verb == "transfer") {
    x.request.set_transfer(words[1]);
    x.done = words[1] + " is to lead";
  } else {
    return usage_error(quote(verb) + " is not add, remove or transfer");
  }
  return x;
}

exit_code carry_out(context& ctx, const change& x) {
  proto::Request request;
  *request.mutable_manager() = x.request;
  proto::Reply reply;
  auto code = exit_code::success;
  if (!ctx.ask(std::move(request), reply, code))
    return code;
  ctx.out << printable(x.done) << "; 'coppice managers' shows how far it is\n";
  return code;
}

result<action> prepare_change(const arguments& args) {
  if (auto okay = expect_words(args, 2, 2, "action and manager"); !okay)
    return okay.error();
  auto x = parse_change(args.words);
  if (!x)
    return x.error();
  if (args.has("group") && args.words[0] != "transfer")
    return usage_error("--group goes with transfer only: the managers are the "
                       "same in all groups");
  x.value().request.set_of_group(args.text("group"));
  return action{
    [x = std::move(x.value())](context& ctx) { return carry_out(ctx, x); }};
}

} // namespace

const command managers_command_info{
  .name = "managers",
  .brief = "list the managers that keep the state",
  .synopsis = "[options]",
  .text
  = "LAG is how many entries of the log a manager lacks, as the leader knows. "
    "A learner\n"
    "gets everything, and votes as soon as it has caught up.\n"
    "\n"
    "Example: coppice managers --connect a:7401,b:7401,c:7401\n",
  .declare = declare_list,
  .prepare = prepare_list,
};

const command manager_command_info{
  .name = "manager",
  .brief = "add or remove a manager, or let another one lead",
  .synopsis = "[options] add NAME=HOST:PORT | remove NAME | transfer NAME",
  .text
  = "The cluster goes on meanwhile. A new manager names itself and at least "
    "one other in\n"
    "its cluster.managers; it learns all it lacks, and then votes. One that "
    "lost its data\n"
    "needs none of this: it is taken in again by itself. One that is removed "
    "has to be\n"
    "stopped when it has left; it comes back only by 'add'.\n"
    "\n"
    "Example: coppice manager add d=10.0.0.4:7401\n",
  .declare = declare_group,
  .prepare = prepare_change,
};

} // namespace coppice

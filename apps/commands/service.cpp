// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/command_list.hpp"
#include "apps/commands/json.hpp"
#include "apps/commands/render.hpp"
#include "apps/commands/text.hpp"
#include "config/service_sections.hpp"
#include "runtime/files.hpp"

namespace po = boost::program_options;

namespace coppice {

namespace {

void declare(po::options_description& x) {
  x.add_options()("json", "print one JSON object a line (list, show)");
}

// -- reading ------------------------------------------------------------------

exit_code print(context& ctx, bool json,
                const std::vector<proto::ServiceRow>& xs) {
  if (json)
    for (auto& x : xs)
      ctx.out << to_json(x) << "\n";
  else
    ctx.out << render_services(xs, now_ms());
  return exit_code::success;
}

exit_code list(context& ctx, bool json) {
  proto::Request request;
  request.mutable_services();
  proto::Reply reply;
  auto code = exit_code::success;
  if (!ctx.ask(std::move(request), reply, code))
    return code;
  auto& rows = reply.services().services();
  return print(ctx, json, {rows.begin(), rows.end()});
}

exit_code show(context& ctx, bool json, const std::string& service) {
  proto::Request request;
  request.mutable_services();
  proto::Reply reply;
  auto code = exit_code::success;
  if (!ctx.ask(std::move(request), reply, code))
    return code;
  for (auto& x : reply.services().services()) {
    if (x.spec().name() != service)
      continue;
    if (json)
      return print(ctx, json, {x});
    ctx.out << render_service(x, now_ms());
    return code;
  }
  ctx.complain("there is no service " + quote(service)
               + "; 'coppice service list' lists them");
  return exit_code::refused;
}

// -- changes ------------------------------------------------------------------

/// @param done What to say when it has been accepted.
exit_code change(context& ctx, const proto::ServiceRequest& x,
                 const std::string& done) {
  proto::Request request;
  *request.mutable_service() = x;
  proto::Reply reply;
  auto code = exit_code::success;
  if (ctx.ask(std::move(request), reply, code))
    ctx.out << printable(done) << "\n";
  return code;
}

/// Goes on with the others if one is refused, so that to repeat the command
/// repairs all that can be.
exit_code apply_all(context& ctx, const std::vector<proto::ServiceSpec>& xs) {
  auto worst = exit_code::success;
  for (auto& spec : xs) {
    proto::ServiceRequest x;
    *x.mutable_apply() = spec;
    auto code = change(ctx, x, spec.name() + " is applied");
    if (code == exit_code::no_cluster)
      return code;
    if (code != exit_code::success)
      worst = code;
  }
  return worst;
}

result<action> prepare_apply(const std::string& file) {
  auto text = read_file(file);
  if (!text)
    return text.error();
  auto services = parse_service_file(text.value(), file);
  if (!services)
    return services.error();
  return action{[xs = std::move(services.value())](context& ctx) {
    return apply_all(ctx, xs);
  }};
}

result<action> prepare(const arguments& args) {
  if (auto okay = expect_words(args, 1, 2, "action"); !okay)
    return okay.error();
  auto& verb = args.words[0];
  auto json = args.has("json");
  if (verb == "list") {
    if (args.words.size() != 1)
      return usage_error("list takes no name; 'show NAME' shows one service");
    return action{[json](context& ctx) { return list(ctx, json); }};
  }
  if (verb != "apply" && verb != "show" && verb != "remove" && verb != "move")
    return usage_error(quote(verb)
                       + " is not apply, list, show, remove or move");
  if (args.words.size() != 2)
    return usage_error(verb == "apply" ? "the file is missing"
                                       : "the name of the service is missing");
  auto& what = args.words[1];
  if (verb == "show")
    return action{[json, what](context& ctx) { return show(ctx, json, what); }};
  if (json)
    return usage_error("--json goes with list and show only");
  if (verb == "apply")
    return prepare_apply(what);
  proto::ServiceRequest x;
  auto done = what + (verb == "move" ? " is to move" : " is to be stopped");
  if (verb == "move")
    x.set_move(what);
  else
    x.set_remove(what);
  return action{[x, done](context& ctx) {
    return change(ctx, x,
                  done + "; 'coppice service list' shows how far it is");
  }};
}

} // namespace

const command service_command_info{
  .name = "service",
  .brief = "run services in the cluster",
  .synopsis = "[options] apply FILE | list | show NAME | remove NAME | "
              "move NAME",
  .text
  = "'apply' makes the services of a file, whose sections are called "
    "[service.NAME], or\n"
    "gives those that exist their new settings: what runs is started again, "
    "one instance\n"
    "after the other. 'move' gives a service to other nodes, and loses "
    "nothing. 'remove'\n"
    "stops a service and erases its state.\n"
    "\n"
    "Example: coppice service apply web.conf\n",
  .declare = declare,
  .prepare = prepare,
};

} // namespace coppice

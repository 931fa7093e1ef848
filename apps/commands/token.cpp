// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/command_list.hpp"
#include "apps/commands/json.hpp"
#include "apps/commands/render.hpp"
#include "apps/commands/text.hpp"
#include "runtime/access/token_rules.hpp"

#include <sys/random.h>

#include <cerrno>

namespace po = boost::program_options;

namespace coppice {

namespace {

constexpr auto longest_validity = std::chrono::hours{24 * 3'650};

void declare(po::options_description& x) {
  x.add_options()("role", text_value("ROLE"),
                  "create: what its bearer may do: viewer, operator or admin")(
    "expires", text_value("TIME"),
    "create: how long it is valid, e.g. 30d; by default until it is revoked")(
    "json", "list: print one JSON object a line");
}

// -- create -------------------------------------------------------------------

result<std::string> draw_secret() {
  std::string secret(token_secret_bytes, '\0');
  // So few bytes come whole, or not at all.
  ssize_t n = 0;
  do
    n = getrandom(secret.data(), secret.size(), 0);
  while (n < 0 && errno == EINTR);
  if (n != static_cast<ssize_t>(secret.size()))
    return error{ec::system_failure, "the system gives no random numbers"};
  return secret;
}

exit_code change(context& ctx, const proto::TokenCommand& x) {
  proto::Request request;
  *request.mutable_token()->mutable_change() = x;
  proto::Reply reply;
  auto code = exit_code::success;
  ctx.ask(std::move(request), reply, code);
  return code;
}

exit_code create(context& ctx, proto::TokenRow row,
                 std::chrono::milliseconds validity) {
  auto secret = draw_secret();
  if (!secret) {
    ctx.complain(secret.error().message);
    return exit_code::usage;
  }
  auto token = render_token(secret.value());
  row.set_hash(hash_token(token));
  if (validity.count() > 0)
    row.set_expires_ms(now_ms() + validity.count());
  proto::TokenCommand x;
  *x.mutable_created() = row;
  auto code = change(ctx, x);
  // Nobody has what is not printed: one that may be there or not is revoked.
  if (code != exit_code::success)
    return code;
  ctx.out << token << "\n";
  ctx.err << "coppice: keep it well, it is shown only once\n";
  return code;
}

result<action> prepare_create(const arguments& args) {
  if (!args.has("role"))
    return usage_error("--role is missing: viewer, operator or admin");
  auto role = parse_role(args.text("role"));
  if (!role)
    return usage_error("--role: " + role.error().message);
  auto validity = args.duration("expires", std::chrono::milliseconds{1'000},
                                longest_validity);
  if (!validity)
    return validity.error();
  proto::TokenRow row;
  row.set_name(args.words[1]);
  row.set_role(role.value());
  // The hash is not there yet, and all else can be checked.
  proto::TokenCommand x;
  *x.mutable_created() = row;
  x.mutable_created()->set_hash(std::string(token_hash_bytes, '\0'));
  if (auto okay = check_token_change(x); !okay)
    return usage_error(okay.error().message);
  auto time = validity.value().value_or(std::chrono::milliseconds{0});
  return action{[row, time](context& ctx) { return create(ctx, row, time); }};
}

// -- list ---------------------------------------------------------------------

exit_code list(context& ctx, bool json) {
  proto::Request request;
  request.mutable_tokens();
  proto::Reply reply;
  auto code = exit_code::success;
  if (!ctx.ask(std::move(request), reply, code))
    return code;
  for (auto& x : *reply.mutable_tokens()->mutable_tokens()) {
    x.clear_hash();
    if (json)
      ctx.out << to_json(x) << "\n";
  }
  if (!json)
    ctx.out << render_tokens(reply.tokens(), now_ms());
  return code;
}

// -- revoke -------------------------------------------------------------------

exit_code revoke(context& ctx, const std::string& name) {
  proto::TokenCommand x;
  x.set_revoked(name);
  auto code = change(ctx, x);
  if (code == exit_code::success)
    ctx.out << "token " << printable(name) << " is revoked; gateways know it "
            << "in a few seconds\n";
  return code;
}

// -- token --------------------------------------------------------------------

result<> expect_options(const arguments& args, const std::string& verb) {
  for (auto* option : {"role", "expires"})
    if (args.has(option) && verb != "create")
      return usage_error("--" + std::string{option} + " goes with create only");
  if (args.has("json") && verb != "list")
    return usage_error("--json goes with list only");
  return ok();
}

result<action> prepare(const arguments& args) {
  if (auto okay = expect_words(args, 1, 2, "action and name"); !okay)
    return okay.error();
  auto& verb = args.words[0];
  if (verb != "create" && verb != "list" && verb != "revoke")
    return usage_error(quote(verb) + " is not create, list or revoke");
  if (auto okay = expect_options(args, verb); !okay)
    return okay.error();
  if (verb == "list") {
    if (auto okay = expect_words(args, 1, 1, "action"); !okay)
      return okay.error();
    return action{
      [json = args.has("json")](context& ctx) { return list(ctx, json); }};
  }
  if (auto okay = expect_words(args, 2, 2, "action and name"); !okay)
    return okay.error();
  if (verb == "create")
    return prepare_create(args);
  return action{
    [name = args.words[1]](context& ctx) { return revoke(ctx, name); }};
}

} // namespace

const command token_command_info{
  .name = "token",
  .brief = "make, list or revoke the tokens of the HTTP API",
  .synopsis = "[options] create NAME --role ROLE | list | revoke NAME",
  .text
  = "Once there is a token, every request to a gateway needs one: "
    "'Authorization:"
    " Bearer\n"
    "TOKEN'. A viewer may look at everything; an operator may change tasks, "
    "drain and release\n"
    "nodes, and use services, too; an admin may do everything. The token is "
    "printed once and\n"
    "kept nowhere, only its hash is.\n"
    "\n"
    "Example: coppice token create ci --role operator --expires 30d\n"
    "         coppice token list\n"
    "         coppice token revoke ci\n",
  .declare = declare,
  .prepare = prepare,
};

} // namespace coppice

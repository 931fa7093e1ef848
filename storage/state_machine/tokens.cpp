// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The commands of the cluster group that are about tokens.

#include "runtime/access/token_rules.hpp"
#include "storage/state_machine/commands.hpp"

#include <algorithm>
#include <string>

namespace coppice::state_machine {

namespace {

void create(context ctx, const proto::TokenRow& x, proto::Error& why) {
  if (auto known = get_token(ctx.view, x.name())) {
    auto same = known->role() == x.role() && known->hash() == x.hash()
                && known->expires_ms() == x.expires_ms();
    if (!same)
      set_error(why, ec::conflict,
                "there is a token '" + x.name()
                  + "' already; revoke it first, or take another name");
    return;
  }
  auto all = get_tokens(ctx.view);
  if (all.size() >= max_tokens)
    return set_error(why, ec::conflict,
                     "there are " + std::to_string(max_tokens)
                       + " tokens, more are not kept; revoke some");
  // Whoever has the token is to be one of them, not two with two roles.
  auto twin = std::find_if(all.begin(), all.end(),
                           [&](auto& y) { return y.hash() == x.hash(); });
  if (twin != all.end())
    return set_error(why, ec::conflict,
                     "the token is there already, as '" + twin->name() + "'");
  auto row = x;
  row.set_created_ms(ctx.now_ms);
  put_token(ctx.view, row);
}

void revoke(context ctx, const std::string& name, proto::Error& why) {
  if (!get_token(ctx.view, name))
    return set_error(why, ec::not_found, "there is no token '" + name + "'");
  erase_token(ctx.view, name);
}

} // namespace

void apply_token(context ctx, const proto::TokenCommand& command,
                 proto::TokenOutcome& outcome) {
  proto::Error why;
  if (auto okay = check_token_change(command); !okay)
    set_error(why, okay.error().code, okay.error().message);
  else if (command.has_created())
    create(ctx, command.created(), why);
  else
    revoke(ctx, command.revoked(), why);
  if (why.code() != 0)
    *outcome.mutable_error() = std::move(why);
}

} // namespace coppice::state_machine

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/change_tasks.hpp"
#include "apps/commands/command_list.hpp"
#include "apps/commands/render.hpp"

namespace coppice {

namespace {

using item = proto::CancelReply::Item;

auto& ids_of(proto::Request& x) {
  return *x.mutable_cancel()->mutable_ids();
}

auto& items_of(const proto::Reply& x) {
  return x.cancel().items();
}

const char* tell(const item& x) {
  return has_ended(x.state()) ? "cancelled" : "is being stopped by its node";
}

result<action> prepare(const arguments& args) {
  return prepare_change<item>(args, {ids_of, items_of, tell});
}

} // namespace

const command cancel_command_info{
  .name = "cancel",
  .brief = "cancel tasks",
  .synopsis = "[options] ID...",
  .text = "A task that waits is cancelled at once. One that runs is stopped by "
          "its node:\n"
          "a command gets SIGTERM, and SIGKILL when its grace is over.\n"
          "\n"
          "Example: coppice cancel 1.1.42 1.1.43\n",
  .declare = declare_change,
  .prepare = prepare,
};

} // namespace coppice

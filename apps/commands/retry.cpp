// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/change_tasks.hpp"
#include "apps/commands/command_list.hpp"

namespace coppice {

namespace {

using item = proto::RetryReply::Item;

auto& ids_of(proto::Request& x) {
  return *x.mutable_retry()->mutable_ids();
}

auto& items_of(const proto::Reply& x) {
  return x.retry().items();
}

const char* tell(const item&) {
  return "waits for another attempt";
}

result<action> prepare(const arguments& args) {
  return prepare_change<item>(args, {ids_of, items_of, tell});
}

} // namespace

const command retry_command_info{
  .name = "retry",
  .brief = "try tasks again that failed, timed out or were cancelled",
  .synopsis = "[options] ID...",
  .text
  = "The task keeps its id, its attempts and its checkpoint, and gets all "
    "the tries of\n"
    "its retry policy again.\n"
    "\n"
    "Example: coppice retry 1.1.42\n",
  .declare = declare_change,
  .prepare = prepare,
};

} // namespace coppice

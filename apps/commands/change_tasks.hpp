// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "apps/commands/command.hpp"
#include "apps/commands/json.hpp"

#include <string>
#include <vector>

// What the commands share that change tasks by their ids.

namespace coppice {

/// What tells one such command from the others.
template <class Item>
struct task_change {
  template <class T>
  using list = google::protobuf::RepeatedPtrField<T>;

  /// Where the ids go.
  list<std::string>& (*ids)(proto::Request&);
  /// What became of each.
  const list<Item>& (*items)(const proto::Reply&);
  /// Says of a task what follows: "1.1.42 waits for another attempt".
  const char* (*tell)(const Item&);
};

/// Asks for the change and tells what became of each task.
template <class Item>
exit_code change_tasks(context& ctx, const task_change<Item>& what,
                       const std::vector<std::string>& ids, bool json) {
  proto::Request request;
  what.ids(request).Add(ids.begin(), ids.end());
  proto::Reply reply;
  auto code = exit_code::success;
  if (!ctx.ask(std::move(request), reply, code))
    return code;
  for (auto& item : what.items(reply)) {
    if (item.has_error()) {
      ctx.complain(item.error().message());
      code = exit_code::refused;
    }
    if (json)
      ctx.out << to_json(item) << "\n";
    else if (!item.has_error())
      ctx.out << item.id() << " " << what.tell(item) << "\n";
  }
  return code;
}

/// Understands the arguments of such a command.
template <class Item>
result<action> prepare_change(const arguments& args, task_change<Item> what) {
  auto ids = task_ids(args, 1);
  if (!ids)
    return ids.error();
  return action{[what, ids = ids.value(), json = args.has("json")](
                  context& ctx) { return change_tasks(ctx, what, ids, json); }};
}

/// Declares the options of such a command.
inline void declare_change(boost::program_options::options_description& x) {
  x.add_options()("json", "print one JSON object a line");
}

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/task_reads.hpp"

#include "actors/replies.hpp"

#include <utility>

namespace coppice {

result<std::vector<task_id>>
parse_ids(const google::protobuf::RepeatedPtrField<std::string>& texts) {
  std::vector<task_id> ids;
  for (auto& text : texts) {
    auto id = parse_task_id(text);
    if (!id)
      return id.error();
    ids.push_back(id.value());
  }
  return ids;
}

proto::Reply read_tables(const tables& from, const reply_writer& f) {
  proto::Reply reply;
  result<> said = ok();
  auto done = from.read(
    [&](const table_view& view, uint64_t) { said = f(view, reply); });
  if (!done)
    return refusal(done.error());
  return said ? reply : refusal(said.error());
}

proto::Reply list_reply(const tables& from, const proto::ListRequest& x,
                        const task_amendment& amend) {
  task_id after;
  if (!x.after().empty()) {
    auto parsed = parse_task_id(x.after());
    if (!parsed)
      return refusal(parsed.error());
    after = parsed.value();
  }
  return read_tables(from, [&](const table_view& view, proto::Reply& reply) {
    list_tasks(view, x, after, amend, *reply.mutable_list());
    return ok();
  });
}

proto::Reply get_reply(const tables& from, const proto::GetRequest& x,
                       const task_amendment& amend) {
  auto ids = parse_ids(x.ids());
  if (!ids)
    return refusal(ids.error());
  return read_tables(from, [&](const table_view& view, proto::Reply& reply) {
    for (auto& id : ids.value()) {
      auto& item = *reply.mutable_get()->add_items();
      auto task = read_task(view, id, x.full());
      if (!task) {
        set_error(*item.mutable_error(), task.error());
        continue;
      }
      amend(id, task.value());
      *item.mutable_task() = std::move(task.value());
    }
    return ok();
  });
}

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/node_message.hpp"
#include "storage/node_list_rows.hpp"
#include "storage/task_tables/codec.hpp"

#include <algorithm>

namespace coppice {

using namespace row_codec;

namespace {

constexpr auto head_key = std::string_view{"node_list"};

} // namespace

node_list_head get_node_list_head(const table_view& view) {
  auto row = get_message<proto::NodeListHead>(view, table::meta, head_key);
  if (!row)
    return {};
  return {from_message(row->version()), from_message(row->forgotten()),
          row->last_event()};
}

void put_node_list_head(table_view& view, const node_list_head& x) {
  proto::NodeListHead row;
  *row.mutable_version() = to_message(x.version);
  if (x.forgotten != list_version{})
    *row.mutable_forgotten() = to_message(x.forgotten);
  row.set_last_event(x.last_event);
  put_message(view, table::meta, head_key, row);
}

std::optional<node_entry> get_list_row(const table_view& view,
                                       std::string_view node) {
  auto row = get_message<proto::NodeListRow>(view, table::node_list, node);
  return row ? std::optional{from_message(*row)} : std::nullopt;
}

std::vector<node_entry> get_list_rows(const table_view& view) {
  std::vector<node_entry> out;
  for (auto& row : get_rows<proto::NodeListRow>(view, table::node_list))
    out.push_back(from_message(row));
  return out;
}

void put_list_row(table_view& view, const node_entry& x) {
  put_message(view, table::node_list, x.start.node, to_message(x));
}

void erase_list_row(table_view& view, std::string_view node) {
  view.erase(table::node_list, node);
}

// -- events -------------------------------------------------------------------

void put_event(table_view& view, const proto::Event& x) {
  put_message(view, table::event, to_bytes(x.number()), x);
}

void erase_event(table_view& view, uint64_t number) {
  view.erase(table::event, to_bytes(number));
}

std::vector<proto::Event> get_events(const table_view& view, uint64_t after,
                                     uint32_t limit) {
  std::vector<proto::Event> out;
  auto last = get_node_list_head(view).last_event;
  if (last <= after)
    return out;
  auto first = last - std::min<uint64_t>(limit, last - after);
  table_cursor cursor{view, table::event};
  for (auto row = cursor.seek(to_bytes(first + 1)); row; row = cursor.next()) {
    auto x = decode<proto::Event>(view, table::event, row->first, row->second);
    if (!x)
      break;
    out.push_back(std::move(*x));
  }
  return out;
}

} // namespace coppice

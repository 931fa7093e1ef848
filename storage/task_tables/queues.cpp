// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/task_tables.hpp"
#include "storage/task_tables/codec.hpp"

#include <algorithm>

namespace coppice {

using namespace row_codec;

namespace {

constexpr size_t queue_name_size = 8;
constexpr size_t queue_key_size = queue_name_size + 1 + 12;
constexpr size_t due_key_size = 8 + task_key_size;
constexpr size_t live_key_size = 4 + task_key_size;

/// High priorities come first, and keys sort upwards.
uint8_t invert(int32_t priority) {
  return static_cast<uint8_t>(128 - std::clamp(priority, -127, 127));
}

std::string queue_prefix(const queue_name& x) {
  std::string out;
  out.reserve(queue_key_size);
  append_big_endian(out, x.product);
  append_big_endian(out, x.task_class);
  return out;
}

std::string queue_key(const queued_task& x) {
  auto out = queue_prefix({x.id.product, x.task_class});
  append_big_endian(out, invert(x.priority));
  append_big_endian(out, x.id.epoch);
  append_big_endian(out, x.id.sequence);
  return out;
}

std::optional<queued_task> decode_queued(const table_view& view,
                                         const table_row& row) {
  auto& [key, value] = row;
  if (key.size() != queue_key_size || value.size() != sizeof(uint32_t)) {
    fail_row(view, table::queue, key);
    return std::nullopt;
  }
  queued_task x;
  x.id.product = read_big_endian<uint32_t>(key, 0);
  x.task_class = read_big_endian<uint32_t>(key, 4);
  x.priority = 128 - static_cast<int32_t>(read_big_endian<uint8_t>(key, 8));
  x.id.epoch = read_big_endian<uint32_t>(key, 9);
  x.id.sequence = read_big_endian<uint64_t>(key, 13);
  x.attempt = read_big_endian<uint32_t>(value, 0);
  return x;
}

std::string due_key(const due_task& x) {
  auto out = to_bytes(static_cast<uint64_t>(x.due_ms));
  append_key(out, x.id);
  return out;
}

std::optional<due_task> decode_due(const table_view& view,
                                   const table_row& row) {
  if (row.first.size() != due_key_size) {
    fail_row(view, table::due, row.first);
    return std::nullopt;
  }
  return due_task{static_cast<int64_t>(read_big_endian<uint64_t>(row.first, 0)),
                  task_id_from_key(row.first.substr(8))};
}

std::string live_key(const live_attempt& x) {
  auto out = to_bytes(x.node);
  append_key(out, x.id);
  return out;
}

std::vector<live_attempt> live_rows(const table_view& view,
                                    std::string_view prefix) {
  std::vector<live_attempt> out;
  for_each_row(view, table::live, prefix,
               [&](std::string_view key, std::string_view value) {
                 if (key.size() != live_key_size
                     || value.size() != sizeof(uint32_t)) {
                   fail_row(view, table::live, key);
                   return false;
                 }
                 out.push_back({read_big_endian<uint32_t>(key, 0),
                                task_id_from_key(key.substr(4)),
                                read_big_endian<uint32_t>(value, 0)});
                 return true;
               });
  return out;
}

} // namespace

// -- queue --------------------------------------------------------------------

void put_queued(table_view& view, const queued_task& x) {
  // Most rows of a queue live shorter than an overlay.
  view.insert_new(table::queue, queue_key(x), to_bytes(x.attempt));
}

void erase_queued(table_view& view, const queued_task& x) {
  view.erase(table::queue, queue_key(x));
}

bool is_queued(const table_view& view, const queued_task& x) {
  return view.get(table::queue, queue_key(x)).has_value();
}

std::optional<queued_task> first_queued(const table_view& view,
                                        const queue_name& name) {
  auto prefix = queue_prefix(name);
  auto row = view.lower_bound(table::queue, prefix);
  if (!row || !row->first.starts_with(prefix))
    return std::nullopt;
  return decode_queued(view, *row);
}

std::optional<queued_task> next_queued(const table_view& view,
                                       const queued_task& x) {
  auto row = view.lower_bound(table::queue, queue_key(x) + '\0');
  if (!row
      || !row->first.starts_with(queue_prefix({x.id.product, x.task_class})))
    return std::nullopt;
  return decode_queued(view, *row);
}

std::vector<queued_task> get_queued(const table_view& view,
                                    const queue_name& name, size_t limit,
                                    const std::optional<queued_task>& after) {
  std::vector<queued_task> out;
  auto prefix = queue_prefix(name);
  table_cursor cursor{view, table::queue};
  auto row = cursor.seek(after ? queue_key(*after) + '\0' : prefix);
  for (; out.size() < limit && row && row->first.starts_with(prefix);
       row = cursor.next()) {
    auto x = decode_queued(view, *row);
    if (!x)
      break;
    out.push_back(*x);
  }
  return out;
}

std::vector<queue_name> get_queues(const table_view& view) {
  std::vector<queue_name> out;
  table_cursor cursor{view, table::queue};
  for (auto row = cursor.seek({}); row;) {
    auto x = decode_queued(view, *row);
    if (!x)
      break;
    out.push_back({x->id.product, x->task_class});
    auto next = behind(queue_prefix(out.back()));
    if (next.empty())
      break;
    row = cursor.seek(next);
  }
  return out;
}

// -- pauses -------------------------------------------------------------------

void put_due(table_view& view, const due_task& x) {
  view.insert_new(table::due, due_key(x), {});
}

void erase_due(table_view& view, const due_task& x) {
  view.erase(table::due, due_key(x));
}

std::optional<due_task> first_due(const table_view& view) {
  auto row = view.lower_bound(table::due, {});
  return row ? decode_due(view, *row) : std::nullopt;
}

std::vector<due_task> get_due(const table_view& view, int64_t now_ms,
                              size_t limit) {
  std::vector<due_task> out;
  table_cursor cursor{view, table::due};
  for (auto row = cursor.seek({}); row && out.size() < limit;
       row = cursor.next()) {
    auto x = decode_due(view, *row);
    if (!x || x->due_ms > now_ms)
      break;
    out.push_back(*x);
  }
  return out;
}

// -- leases -------------------------------------------------------------------

void put_live(table_view& view, const live_attempt& x) {
  view.insert_new(table::live, live_key(x), to_bytes(x.attempt));
}

void erase_live(table_view& view, const live_attempt& x) {
  view.erase(table::live, live_key(x));
}

std::vector<live_attempt> get_live(const table_view& view, uint32_t node) {
  return live_rows(view, to_bytes(node));
}

std::vector<live_attempt> get_all_live(const table_view& view) {
  return live_rows(view, {});
}

} // namespace coppice

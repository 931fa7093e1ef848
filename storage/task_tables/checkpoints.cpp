// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/task_tables.hpp"
#include "storage/task_tables/codec.hpp"

namespace coppice {

using namespace row_codec;

namespace {

constexpr size_t chunk_key_size = task_key_size + 12;

std::string chunk_key(const task_id& id, const checkpoint_name& name,
                      uint32_t chunk) {
  std::string out;
  out.reserve(chunk_key_size);
  append_key(out, id);
  append_big_endian(out, name.attempt);
  append_big_endian(out, name.version);
  append_big_endian(out, chunk);
  return out;
}

} // namespace

std::optional<proto::CheckpointHead> get_checkpoint(const table_view& view,
                                                    const task_id& id) {
  return get_message<proto::CheckpointHead>(view, table::checkpoint,
                                            to_bytes(id));
}

void put_checkpoint(table_view& view, const task_id& id,
                    const proto::CheckpointHead& x) {
  put_message(view, table::checkpoint, to_bytes(id), x);
}

void erase_checkpoint(table_view& view, const task_id& id) {
  view.erase(table::checkpoint, to_bytes(id));
}

std::optional<std::string_view>
get_chunk(const table_view& view, const task_id& id,
          const checkpoint_name& name, uint32_t chunk) {
  return view.get(table::checkpoint_chunk, chunk_key(id, name, chunk));
}

void put_chunk(table_view& view, const task_id& id, const checkpoint_name& name,
               uint32_t chunk, std::string_view data) {
  view.put(table::checkpoint_chunk, chunk_key(id, name, chunk), data);
}

void erase_chunks(
  table_view& view, const task_id& id,
  const std::function<bool(const checkpoint_name&)>& condemned) {
  auto prefix = to_bytes(id);
  // Most tasks have no chunk: one look without a cursor of its own.
  auto first = view.lower_bound(table::checkpoint_chunk, prefix);
  if (!first || !first->first.starts_with(prefix))
    return;
  std::vector<std::string_view> keys;
  for_each_row(view, table::checkpoint_chunk, prefix,
               [&](std::string_view key, std::string_view) {
                 if (key.size() != chunk_key_size) {
                   fail_row(view, table::checkpoint_chunk, key);
                   return false;
                 }
                 auto rest = key.substr(task_key_size);
                 checkpoint_name name{read_big_endian<uint32_t>(rest, 0),
                                      read_big_endian<uint32_t>(rest, 4)};
                 if (condemned(name))
                   keys.push_back(key);
                 return true;
               });
  for (auto key : keys)
    view.erase(table::checkpoint_chunk, key);
}

} // namespace coppice

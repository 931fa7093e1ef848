// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/task_tables.hpp"
#include "storage/task_tables/codec.hpp"

#include <algorithm>
#include <utility>

namespace coppice {

using namespace row_codec;

namespace {

constexpr auto state_time_key = std::string_view{"state_time"};
constexpr auto sequence_base_key = std::string_view{"sequence_base"};
constexpr auto lineage_key = std::string_view{"lineage"};

/// How far numbers are raised if the clock has gone back.
constexpr uint64_t sequence_step = uint64_t{1} << 32;

uint64_t raised(uint64_t last, uint64_t base) {
  return base > last ? base : last + sequence_step;
}

std::string attempt_row_key(const task_id& id, uint32_t number) {
  std::string out;
  out.reserve(task_key_size + sizeof(number));
  append_key(out, id);
  append_big_endian(out, number);
  return out;
}

} // namespace

// -- time ---------------------------------------------------------------------

int64_t state_time_ms(const table_view& view) {
  auto x = get_number<uint64_t>(view, table::meta, state_time_key);
  return x ? static_cast<int64_t>(*x) : 0;
}

void put_state_time_ms(table_view& view, int64_t x) {
  view.put(table::meta, state_time_key, to_bytes(static_cast<uint64_t>(x)));
}

// -- tasks --------------------------------------------------------------------

std::optional<proto::TaskRow> get_task(const table_view& view,
                                       const task_id& id) {
  return get_message<proto::TaskRow>(view, table::task, to_bytes(id));
}

void put_task(table_view& view, const task_id& id, const proto::TaskRow& x) {
  put_message(view, table::task, to_bytes(id), x);
}

std::optional<std::string_view> get_spec(const table_view& view,
                                         const task_id& id) {
  return view.get(table::spec, to_bytes(id));
}

void put_spec(table_view& view, const task_id& id, std::string_view encoded) {
  view.put(table::spec, to_bytes(id), encoded);
}

std::optional<proto::TaskSpec> get_parsed_spec(const table_view& view,
                                               const task_id& id) {
  return get_message<proto::TaskSpec>(view, table::spec, to_bytes(id));
}

void for_each_task(
  const table_view& view, const task_id& after, uint32_t product,
  const std::function<bool(const task_id&, const proto::TaskRow&)>& fun) {
  auto from = to_bytes(after) + '\0';
  std::string prefix;
  if (product != 0)
    prefix = to_bytes(product);
  table_cursor cursor{view, table::task};
  for (auto row = cursor.seek(std::max(from, prefix));
       row && row->first.starts_with(prefix); row = cursor.next()) {
    auto& [key, value] = *row;
    if (key.size() != task_key_size)
      return fail_row(view, table::task, key);
    auto x = decode<proto::TaskRow>(view, table::task, key, value);
    if (!x || !fun(task_id_from_key(key), *x))
      return;
  }
}

void erase_task(table_view& view, const task_id& id) {
  if (auto spec = get_spec(view, id))
    erase_key(view, id, *spec);
  erase_attempts(view, id);
  // Most tasks have none, and each erasure costs a row of the overlay.
  if (get_checkpoint(view, id))
    erase_checkpoint(view, id);
  erase_chunks(view, id, [](const checkpoint_name&) { return true; });
  view.erase(table::spec, to_bytes(id));
  view.erase(table::task, to_bytes(id));
}

error no_such_task(const task_id& id) {
  return {ec::not_found, "there is no task " + to_string(id)
                           + "; ended tasks are kept for history.keep"};
}

uint64_t next_sequence(table_view& view, uint32_t product, uint32_t epoch) {
  auto key = to_bytes(product) + to_bytes(epoch);
  auto last = get_number<uint64_t>(view, table::sequence, key);
  if (!last) // The first task of the product here, but maybe not ever.
    last = get_number<uint64_t>(view, table::meta, sequence_base_key);
  auto x = last.value_or(0) + 1;
  view.put(table::sequence, key, to_bytes(x));
  return x;
}

void raise_sequences(table_view& view, uint64_t base) {
  std::vector<std::pair<std::string, uint64_t>> rows;
  for_each_row(view, table::sequence, {}, [&](auto key, auto value) {
    if (value.size() != sizeof(uint64_t)) {
      fail_row(view, table::sequence, key);
      return false;
    }
    rows.emplace_back(key, read_big_endian<uint64_t>(value, 0));
    return true;
  });
  for (auto& [key, last] : rows)
    view.put(table::sequence, key, to_bytes(raised(last, base)));
  auto former
    = get_number<uint64_t>(view, table::meta, sequence_base_key).value_or(0);
  view.put(table::meta, sequence_base_key, to_bytes(raised(former, base)));
}

uint64_t lineage_of(const table_view& view) {
  return get_number<uint64_t>(view, table::meta, lineage_key).value_or(0);
}

void put_lineage(table_view& view, uint64_t x) {
  view.put(table::meta, lineage_key, to_bytes(x));
}

// -- attempts -----------------------------------------------------------------

std::optional<proto::Attempt> get_attempt(const table_view& view,
                                          const task_id& id, uint32_t number) {
  return get_message<proto::Attempt>(view, table::attempt,
                                     attempt_row_key(id, number));
}

std::vector<proto::Attempt> get_attempts(const table_view& view,
                                         const task_id& id) {
  std::vector<proto::Attempt> out;
  for_each_row(view, table::attempt, to_bytes(id),
               [&](std::string_view key, std::string_view value) {
                 auto x
                   = decode<proto::Attempt>(view, table::attempt, key, value);
                 if (x)
                   out.push_back(std::move(*x));
                 return x.has_value();
               });
  return out;
}

void put_attempt(table_view& view, const task_id& id, const proto::Attempt& x) {
  put_message(view, table::attempt, attempt_row_key(id, x.number()), x);
}

void erase_attempts(table_view& view, const task_id& id) {
  std::vector<std::string_view> keys;
  for_each_row(view, table::attempt, to_bytes(id),
               [&](std::string_view key, std::string_view) {
                 keys.push_back(key);
                 return true;
               });
  for (auto key : keys)
    view.erase(table::attempt, key);
}

} // namespace coppice

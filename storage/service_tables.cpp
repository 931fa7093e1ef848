// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/service_tables.hpp"

#include "storage/task_tables/codec.hpp"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <string>

namespace coppice {

using namespace row_codec;

namespace {

constexpr auto services_key = std::string_view{"services"};

constexpr auto sweep_prefix = std::string_view{"journal_sweep"};

/// Service and sequence, or service and snapshot.
constexpr size_t item_key_size = 12;

constexpr size_t chunk_key_size = 16;

constexpr size_t running_size = sizeof(uint64_t);

std::string item_key(uint32_t service, uint64_t sequence) {
  auto out = to_bytes(service);
  append_big_endian(out, sequence);
  return out;
}

std::string id_key(uint32_t service, std::string_view id) {
  auto out = to_bytes(service);
  out += id;
  return out;
}

std::string chunk_key(const journal_chunk& x) {
  auto out = item_key(x.service, x.through);
  append_big_endian(out, x.chunk);
  return out;
}

std::string sweep_key(uint32_t service) {
  return std::string{sweep_prefix} + to_bytes(service);
}

/// Returns bytes that are equal for equal rows, on each replica: those of maps
/// are otherwise in no order.
std::string canonical(const proto::ServiceRow& x) {
  std::string out;
  google::protobuf::io::StringOutputStream to{&out};
  google::protobuf::io::CodedOutputStream coded{&to};
  coded.SetSerializationDeterministic(true);
  x.SerializeToCodedStream(&coded);
  coded.Trim();
  return out;
}

/// Decodes a row of "journal_event".
std::optional<journal_event> decode_event(const table_view& view,
                                          std::string_view key,
                                          std::string_view value) {
  if (value.size() < running_size) {
    fail_row(view, table::journal_event, key);
    return std::nullopt;
  }
  auto item = decode<proto::JournalItem>(view, table::journal_event, key,
                                         value.substr(running_size));
  if (!item)
    return std::nullopt;
  return journal_event{read_big_endian<uint64_t>(value, 0), std::move(*item)};
}

/// Calls *fun* for the rows of a journal from the item *first* on.
template <class F>
void for_each_item(const table_view& view, table where, uint32_t service,
                   uint64_t first, F fun) {
  auto prefix = to_bytes(service);
  table_cursor cursor{view, where};
  for (auto row = cursor.seek(item_key(service, first));
       row && row->first.starts_with(prefix); row = cursor.next())
    if (!fun(row->first, row->second))
      return;
}

} // namespace

// -- services -----------------------------------------------------------------

proto::ServicesHead get_services_head(const table_view& view) {
  return get_message<proto::ServicesHead>(view, table::meta, services_key)
    .value_or(proto::ServicesHead{});
}

void put_services_head(table_view& view, const proto::ServicesHead& x) {
  put_message(view, table::meta, services_key, x);
}

std::optional<proto::ServiceRow> get_service(const table_view& view,
                                             std::string_view name) {
  return get_message<proto::ServiceRow>(view, table::service, name);
}

std::vector<proto::ServiceRow> get_services(const table_view& view) {
  return get_rows<proto::ServiceRow>(view, table::service);
}

void put_service(table_view& view, const proto::ServiceRow& x) {
  view.put(table::service, x.spec().name(), canonical(x));
}

void erase_service(table_view& view, std::string_view name) {
  view.erase(table::service, name);
}

// -- heads --------------------------------------------------------------------

std::optional<proto::JournalHead> get_journal(const table_view& view,
                                              uint32_t service) {
  return get_message<proto::JournalHead>(view, table::journal,
                                         to_bytes(service));
}

std::vector<std::pair<uint32_t, proto::JournalHead>>
get_journals(const table_view& view) {
  std::vector<std::pair<uint32_t, proto::JournalHead>> out;
  for_each_row(
    view, table::journal, {}, [&](std::string_view key, std::string_view row) {
      auto x = decode<proto::JournalHead>(view, table::journal, key, row);
      if (x && key.size() == sizeof(uint32_t))
        out.emplace_back(read_big_endian<uint32_t>(key, 0), std::move(*x));
      return x.has_value();
    });
  return out;
}

void put_journal(table_view& view, uint32_t service,
                 const proto::JournalHead& x) {
  put_message(view, table::journal, to_bytes(service), x);
}

void erase_journal(table_view& view, uint32_t service) {
  view.erase(table::journal, to_bytes(service));
}

// -- events -------------------------------------------------------------------

std::optional<journal_event>
get_journal_event(const table_view& view, uint32_t service, uint64_t sequence) {
  auto key = item_key(service, sequence);
  auto value = view.get(table::journal_event, key);
  return value ? decode_event(view, key, *value) : std::nullopt;
}

void put_journal_event(table_view& view, uint32_t service,
                       const journal_event& x) {
  auto value = to_bytes(x.running_bytes);
  x.item.AppendToString(&value);
  view.put(table::journal_event, item_key(service, x.item.sequence()), value);
}

void erase_journal_event(table_view& view, uint32_t service,
                         uint64_t sequence) {
  view.erase(table::journal_event, item_key(service, sequence));
}

void for_each_journal_event(
  const table_view& view, uint32_t service, uint64_t after,
  const std::function<bool(proto::JournalItem&)>& fun) {
  for_each_item(view, table::journal_event, service, after + 1,
                [&](std::string_view key, std::string_view value) {
                  auto x = decode_event(view, key, value);
                  return x && fun(x->item);
                });
}

// -- replies ------------------------------------------------------------------

std::optional<journal_reply>
get_journal_reply(const table_view& view, uint32_t service, uint64_t sequence) {
  return get_message<proto::JournalItem>(view, table::journal_reply,
                                         item_key(service, sequence));
}

void put_journal_reply(table_view& view, uint32_t service,
                       const journal_reply& x) {
  put_message(view, table::journal_reply, item_key(service, x.sequence()), x);
}

void erase_journal_reply(table_view& view, uint32_t service,
                         uint64_t sequence) {
  view.erase(table::journal_reply, item_key(service, sequence));
}

void for_each_journal_reply(const table_view& view, uint32_t service,
                            uint64_t after,
                            const std::function<bool(journal_reply&)>& fun) {
  for_each_item(view, table::journal_reply, service, after + 1,
                [&](std::string_view key, std::string_view value) {
                  auto x = decode<proto::JournalItem>(
                    view, table::journal_reply, key, value);
                  return x && fun(*x);
                });
}

// -- ids ----------------------------------------------------------------------

std::optional<uint64_t> find_journal_id(const table_view& view,
                                        uint32_t service, std::string_view id) {
  return get_number<uint64_t>(view, table::journal_id, id_key(service, id));
}

void put_journal_id(table_view& view, uint32_t service, std::string_view id,
                    uint64_t sequence) {
  view.put(table::journal_id, id_key(service, id), to_bytes(sequence));
}

void erase_journal_id(table_view& view, uint32_t service, std::string_view id) {
  view.erase(table::journal_id, id_key(service, id));
}

// -- snapshots ----------------------------------------------------------------

std::optional<std::string_view> get_journal_chunk(const table_view& view,
                                                  const journal_chunk& x) {
  return view.get(table::journal_chunk, chunk_key(x));
}

void put_journal_chunk(table_view& view, const journal_chunk& x,
                       std::string_view data) {
  view.put(table::journal_chunk, chunk_key(x), data);
}

std::optional<uint64_t> first_journal_snapshot(const table_view& view,
                                               uint32_t service,
                                               uint64_t from) {
  auto row = view.lower_bound(table::journal_chunk, item_key(service, from));
  if (!row || !row->first.starts_with(to_bytes(service)))
    return std::nullopt;
  if (row->first.size() == chunk_key_size)
    return read_big_endian<uint64_t>(row->first, sizeof(service));
  fail_row(view, table::journal_chunk, row->first);
  return std::nullopt;
}

void erase_journal_chunks(table_view& view, const journal_chunk& from) {
  auto prefix = item_key(from.service, from.through);
  std::vector<std::string_view> keys;
  for_each_item(view, table::journal_chunk, from.service, from.through,
                [&](std::string_view key, std::string_view) {
                  if (!key.starts_with(prefix))
                    return false;
                  if (key.size() == chunk_key_size
                      && read_big_endian<uint32_t>(key, item_key_size)
                           >= from.chunk)
                    keys.push_back(key);
                  return true;
                });
  for (auto key : keys)
    view.erase(table::journal_chunk, key);
}

std::optional<uint64_t> get_journal_sweep(const table_view& view,
                                          uint32_t service) {
  return get_number<uint64_t>(view, table::meta, sweep_key(service));
}

void put_journal_sweep(table_view& view, uint32_t service, uint64_t from) {
  view.put(table::meta, sweep_key(service), to_bytes(from));
}

void erase_journal_sweep(table_view& view, uint32_t service) {
  view.erase(table::meta, sweep_key(service));
}

size_t erase_journal_rows(table_view& view, uint32_t service, size_t limit) {
  size_t erased = 0;
  for (auto where : {table::journal_event, table::journal_reply,
                     table::journal_id, table::journal_chunk}) {
    std::vector<std::string_view> keys;
    for_each_row(view, where, to_bytes(service),
                 [&](std::string_view key, std::string_view) {
                   if (erased + keys.size() == limit)
                     return false;
                   keys.push_back(key);
                   return true;
                 });
    for (auto key : keys)
      view.erase(where, key);
    erased += keys.size();
  }
  return erased;
}

} // namespace coppice

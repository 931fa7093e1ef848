// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/task_tables.hpp"
#include "storage/task_tables/codec.hpp"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>

namespace coppice {

using namespace row_codec;

namespace {

/// Takes the next of the numbers that the row *counter* of "meta" counts.
uint32_t next_number(table_view& view, std::string_view counter) {
  auto x = get_number<uint32_t>(view, table::meta, counter).value_or(0) + 1;
  view.put(table::meta, counter, to_bytes(x));
  return x;
}

void append_text(std::string& out, std::string_view x) {
  append_big_endian(out, static_cast<uint32_t>(x.size()));
  out += x;
}

/// Returns bytes that are equal for equal classes and only for them. Not
/// protobuf's: those may change with its version, and a class must not.
std::string canonical(const proto::ClassRow& x) {
  std::string out;
  append_text(out, x.kind());
  for (auto& label : x.labels())
    append_text(out, label);
  // Labels are not empty. Without it: what was on disk before there were
  // weights.
  if (x.weight() > 1) {
    append_text(out, {});
    append_big_endian(out, x.weight());
  }
  return out;
}

/// FNV-1a. Good enough: two classes with one hash only share a bucket.
uint64_t hash(std::string_view bytes) {
  uint64_t x = 0xcbf29ce484222325;
  for (auto byte : bytes)
    x = (x ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  return x;
}

void sort_labels(proto::ClassRow& x) {
  auto& labels = *x.mutable_labels();
  std::sort(labels.begin(), labels.end());
  auto last = std::unique(labels.begin(), labels.end());
  labels.erase(last, labels.end());
}

std::string idempotency_row_key(uint32_t product, std::string_view key) {
  auto out = to_bytes(product);
  out += key;
  return out;
}

/// Returns the idempotency key in an encoded spec, or nothing if that does not
/// decode. All else is skipped: a payload may have 16 MiB, and hundreds of
/// specs are looked at in one go.
std::optional<std::string> key_of(std::string_view spec) {
  using google::protobuf::internal::WireFormatLite;
  constexpr auto tag
    = WireFormatLite::MakeTag(proto::TaskSpec::kIdempotencyKeyFieldNumber,
                              WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
  google::protobuf::io::CodedInputStream in{
    reinterpret_cast<const uint8_t*>(spec.data()),
    static_cast<int>(spec.size())};
  std::string key;
  while (auto found = in.ReadTag()) {
    auto read = found == tag ? WireFormatLite::ReadBytes(&in, &key)
                             : WireFormatLite::SkipField(&in, found);
    if (!read)
      return std::nullopt;
  }
  return in.ConsumedEntireMessage() ? std::optional{std::move(key)}
                                    : std::nullopt;
}

} // namespace

// -- products -----------------------------------------------------------------

std::optional<uint32_t> find_product(const table_view& view,
                                     std::string_view name) {
  return get_number<uint32_t>(view, table::product_name, name);
}

std::optional<proto::ProductRow> get_product(const table_view& view,
                                             uint32_t number) {
  return get_message<proto::ProductRow>(view, table::product, to_bytes(number));
}

std::vector<proto::ProductRow> get_products(const table_view& view) {
  return get_rows<proto::ProductRow>(view, table::product);
}

void put_product(table_view& view, const proto::ProductRow& x) {
  put_message(view, table::product, to_bytes(x.number()), x);
  view.put(table::product_name, x.name(), to_bytes(x.number()));
}

uint32_t next_product_number(table_view& view) {
  return next_number(view, "products");
}

// -- shards -------------------------------------------------------------------

std::vector<proto::ShardRow> get_shards(const table_view& view) {
  return get_rows<proto::ShardRow>(view, table::shard);
}

void put_shard(table_view& view, const proto::ShardRow& x) {
  put_message(view, table::shard, to_bytes(x.number()), x);
}

// -- classes ------------------------------------------------------------------

std::optional<proto::ClassRow> get_class(const table_view& view,
                                         uint32_t number) {
  return get_message<proto::ClassRow>(view, table::task_class,
                                      to_bytes(number));
}

uint32_t intern_class(table_view& view, proto::ClassRow x) {
  sort_labels(x);
  auto name = canonical(x);
  auto key = to_bytes(hash(name));
  // The key ends with the number of those with the same hash before it.
  for (uint32_t probe = 0;; ++probe) {
    auto bucket = key + to_bytes(probe);
    auto known = view.get(table::class_key, bucket);
    if (!known) {
      auto number = next_number(view, "classes");
      put_message(view, table::task_class, to_bytes(number), x);
      view.put(table::class_key, bucket, to_bytes(number) + name);
      return number;
    }
    if (known->size() < sizeof(uint32_t)) {
      fail_row(view, table::class_key, bucket);
      return 0;
    }
    if (known->substr(sizeof(uint32_t)) == name)
      return read_big_endian<uint32_t>(*known, 0);
  }
}

// -- idempotency keys ---------------------------------------------------------

std::optional<task_id> find_key(const table_view& view, uint32_t product,
                                std::string_view key) {
  auto row_key = idempotency_row_key(product, key);
  auto x = view.get(table::key, row_key);
  if (!x)
    return std::nullopt;
  if (x->size() == task_key_size)
    return task_id_from_key(*x);
  fail_row(view, table::key, row_key);
  return std::nullopt;
}

void put_key(table_view& view, uint32_t product, std::string_view key,
             const task_id& id) {
  view.put(table::key, idempotency_row_key(product, key), to_bytes(id));
}

void erase_key(table_view& view, const task_id& id, std::string_view spec) {
  auto key = key_of(spec);
  if (!key)
    return fail_row(view, table::spec, to_bytes(id));
  if (!key->empty() && find_key(view, id.product, *key) == id)
    view.erase(table::key, idempotency_row_key(id.product, *key));
}

// -- nodes and kinds ----------------------------------------------------------

std::optional<node_registration> find_node(const table_view& view,
                                           std::string_view name) {
  auto x = view.get(table::node_name, name);
  if (!x)
    return std::nullopt;
  if (x->size() == sizeof(uint32_t) + sizeof(uint64_t))
    return node_registration{read_big_endian<uint32_t>(*x, 0),
                             read_big_endian<uint64_t>(*x, 4)};
  fail_row(view, table::node_name, name);
  return std::nullopt;
}

std::optional<proto::NodeRow> get_node(const table_view& view,
                                       uint32_t number) {
  return get_message<proto::NodeRow>(view, table::node, to_bytes(number));
}

std::vector<proto::NodeRow> get_nodes(const table_view& view) {
  return get_rows<proto::NodeRow>(view, table::node);
}

uint32_t put_node(table_view& view, proto::NodeRow x) {
  if (x.number() == 0)
    x.set_number(next_number(view, "nodes"));
  put_message(view, table::node, to_bytes(x.number()), x);
  // What most rules ask for, where they find it without decoding a message.
  view.put(table::node_name, x.name(),
           to_bytes(x.number()) + to_bytes(x.incarnation()));
  return x.number();
}

std::optional<proto::KindInfo> get_kind(const table_view& view,
                                        std::string_view name) {
  return get_message<proto::KindInfo>(view, table::kind, name);
}

std::vector<proto::KindInfo> get_kinds(const table_view& view) {
  return get_rows<proto::KindInfo>(view, table::kind);
}

void put_kind(table_view& view, const proto::KindInfo& x) {
  put_message(view, table::kind, x.name(), x);
}

// -- managers -----------------------------------------------------------------

std::vector<proto::ManagerRow> get_managers(const table_view& view) {
  return get_rows<proto::ManagerRow>(view, table::manager);
}

void put_manager(table_view& view, const proto::ManagerRow& x) {
  put_message(view, table::manager, x.name(), x);
}

void erase_manager(table_view& view, std::string_view name) {
  view.erase(table::manager, name);
}

} // namespace coppice

// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/lmdb_held_store.hpp"

#include "runtime/key_codec.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace coppice {

namespace {

// The newest format that this file writes and reads. Raise it with any change
// of a key or a value.
constexpr uint32_t format = 1;

constexpr size_t map_size_bytes = size_t{64} << 20;

std::string to_key(uint64_t number) {
  std::string key;
  append_big_endian(key, number);
  return key;
}

std::optional<uint64_t> to_number(std::string_view key) {
  if (key.size() != sizeof(uint64_t))
    return std::nullopt;
  return read_big_endian<uint64_t>(key, 0);
}

bool decode(std::string_view bytes, proto::HeldRequest& out) {
  return out.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))
         && !out.service().empty() && !out.method().empty();
}

/// Walks over the rows of *table* as they are before anything is changed.
template <class F>
result<> for_each_row(lmdb_txn& txn, MDB_dbi table, F f) {
  auto rows = txn.cursor(table);
  if (!rows)
    return rows.as_failure();
  for (;;) {
    auto row = rows.value().next();
    if (!row)
      return row.as_failure();
    if (!row.value())
      return ok();
    f(row.value()->first, row.value()->second);
  }
}

} // namespace

lmdb_held_store::lmdb_held_store(lmdb_env env, tables dbis)
  : env_(std::move(env)),
    dbis_(dbis) {
  // nop
}

result<lmdb_held_store::opened_store>
lmdb_held_store::open(const std::filesystem::path& dir) {
  lmdb_options options;
  options.map_size_bytes = map_size_bytes;
  options.max_dbs = 8;
  options.max_readers = 8;
  options.format = format;
  auto env = lmdb_env::open(dir, options);
  if (!env)
    return env.as_failure();
  tables dbis;
  for (auto [name, to] : {std::pair{"request", &dbis.request},
                          std::pair{"delivered", &dbis.delivered},
                          std::pair{"damaged", &dbis.damaged}}) {
    auto opened = env.value().open_table(name);
    if (!opened)
      return opened.as_failure();
    *to = opened.value();
  }
  opened_store out;
  out.store.reset(new lmdb_held_store{std::move(env.value()), dbis});
  auto found = out.store->load();
  if (!found)
    return found.as_failure();
  out.found = std::move(found.value());
  return out;
}

result<held_rows> lmdb_held_store::load() {
  held_rows out;
  auto done = env_.write([&](lmdb_txn& txn) -> result<> {
    // It may be called twice.
    out = {};
    if (auto loaded = load_requests(txn, out); !loaded)
      return loaded;
    return load_marks(txn, out);
  });
  if (!done)
    return done.as_failure();
  return out;
}

result<> lmdb_held_store::load_requests(lmdb_txn& txn, held_rows& out) {
  std::vector<std::pair<std::string, std::string>> damaged;
  auto take = [&](std::string_view key, std::string_view value) {
    auto number = to_number(key);
    held_request x;
    out.last_number = std::max(out.last_number, number.value_or(0));
    if (!number || !decode(value, x.request)) {
      damaged.emplace_back(key, value);
      return;
    }
    x.number = *number;
    out.requests.push_back(std::move(x));
  };
  if (auto done = for_each_row(txn, dbis_.request, take); !done)
    return done;
  for (auto& [key, value] : damaged) {
    if (auto done = txn.put(dbis_.damaged, key, value); !done)
      return done;
    if (auto done = txn.erase(dbis_.request, key); !done)
      return done.as_failure();
  }
  return for_each_row(
    txn, dbis_.damaged, [&](std::string_view key, std::string_view) {
      ++out.damaged;
      out.last_number = std::max(out.last_number, to_number(key).value_or(0));
    });
}

result<> lmdb_held_store::load_marks(lmdb_txn& txn, held_rows& out) {
  std::vector<std::string> orphans;
  auto take = [&](std::string_view key, std::string_view) {
    auto number = to_number(key);
    auto found = std::lower_bound(
      out.requests.begin(), out.requests.end(), number.value_or(0),
      [](const held_request& x, uint64_t y) { return x.number < y; });
    if (number && found != out.requests.end() && found->number == *number)
      found->delivered = true;
    else
      orphans.emplace_back(key);
  };
  if (auto done = for_each_row(txn, dbis_.delivered, take); !done)
    return done;
  for (auto& key : orphans)
    if (auto done = txn.erase(dbis_.delivered, key); !done)
      return done.as_failure();
  return ok();
}

result<> lmdb_held_store::write(const std::vector<held_change>& xs) {
  return env_.write([&](lmdb_txn& txn) -> result<> {
    for (auto& x : xs)
      if (auto done = apply(txn, x); !done)
        return done;
    return ok();
  });
}

result<> lmdb_held_store::apply(lmdb_txn& txn, const held_change& x) {
  auto key = to_key(x.number);
  if (x.erase)
    for (auto table : {dbis_.request, dbis_.delivered})
      if (auto done = txn.erase(table, key); !done)
        return done.as_failure();
  if (x.save)
    if (auto done = txn.put(dbis_.request, key, x.save->SerializeAsString());
        !done)
      return done;
  if (!x.delivered)
    return ok();
  if (*x.delivered)
    return txn.put(dbis_.delivered, key, {});
  if (auto done = txn.erase(dbis_.delivered, key); !done)
    return done.as_failure();
  return ok();
}

} // namespace coppice
